"""Stores with means and stores with activations, which taps are measured, and what is refused."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest
import zarr
from numpy.typing import NDArray

from signal_perception.extract import store_writer
from signal_perception.extract.store import ActivationStore, Part, StoreFacts, TapFacts
from signal_perception.pipeline.errors import UserError
from signal_perception.spectra import measure, run
from signal_perception.spectra.run import Measurements
from tests.spectra import synthetic
from tests.spectra.synthetic import bins, depth, noise, pick, still, tap

INPUT = tap("input", "input", -1, 0, shape=(8, 6, 6, 3), frames_per_token=1.0)
ATTENTION = tap("00.joint_attn", "joint_attn", order=1, shape=(8, 4, 4, 5))
MLP = tap("00.mlp", order=2, shape=(8, 4, 4, 5))
TAPS = (INPUT, ATTENTION, MLP)
PART = synthetic.part(videos=6, clips=2)
INPUTS = ("clip", "static")
ENERGIES = ("hc_dc", "centroid", "high_share")

Activations = Mapping[TapFacts, NDArray]


def _activations() -> dict[TapFacts, NDArray]:
    """For each tap (inputs rows t h w c) in float32."""
    made = {}
    for each in TAPS:
        clip = noise(12, each.shape, seed=each.order)
        made[each] = np.stack([clip, still(clip)]).astype(np.float32)
    # the static control is dead in one channel
    made[MLP][1, ..., 0] = 0
    return made


def _facts(means: Part | None, activations: Part | None, pool: str = "none") -> StoreFacts:
    return StoreFacts(
        inputs=INPUTS,
        seconds_per_frame=synthetic.SECONDS_PER_FRAME,
        weights_sha256="0",
        pool=pool,
        means=means,
        activations=activations,
    )


def _with_means(path: Path, values: Activations) -> ActivationStore:
    facts = _facts(PART, None)
    store_writer.create(path, facts, list(values))
    for each, x in values.items():
        found = synthetic.means(x.astype(np.float64))
        store_writer.write_means(path, facts, each, {**found, "dead": synthetic.dead(x)})
    store_writer.finish(path, facts, list(values))
    return ActivationStore(path)


def _with_activations(path: Path, values: Activations, pool: str = "none") -> ActivationStore:
    facts = _facts(None, PART, pool)
    store_writer.create(path, facts, list(values))
    for each, x in values.items():
        folder = path / "activations" / each.tap / "activation"
        zarr.open_array(folder, mode="r+")[...] = x
    store_writer.finish(path, facts, list(values))
    return ActivationStore(path)


def _measured(store: ActivationStore, source: Path, folder: Path, preset: str) -> Measurements:
    folder.mkdir()
    units = run.units(store, preset, folder)
    for unit in units:
        run.measure(source, unit.item, unit.result)
    return Measurements(store, preset, units)


def test_means_and_activations_of_the_same_numbers_give_the_same_tables(tmp_path: Path) -> None:
    values = _activations()
    stored = _with_means(tmp_path / "m.zarr", values)
    kept = _with_activations(tmp_path / "a.zarr", values)
    assert run.units(stored, "poster", tmp_path) == []
    from_means = Measurements(stored, "poster", [])
    from_activations = _measured(kept, tmp_path / "a.zarr", tmp_path / "units", "poster")
    both = (from_means, from_activations)
    # discriminability: an F near 0 has digits that any rounding changes
    _require_equal([_without(bins(made), "discriminability") for made in both])
    # energies of a still clip: rounding here, and none there
    _require_equal([_without(depth(made), *ENERGIES) for made in both])
    _require_equal([pick(depth(made), control="clip") for made in both])
    made = next(each for each in from_activations if each.tap == MLP)
    assert made.dead.tolist() == [[0] * 12, [0.2] * 12]


def _require_equal(tables: Sequence[pd.DataFrame]) -> None:
    first, second = tables
    pd.testing.assert_frame_equal(first, second, rtol=1e-4, atol=1e-5)
    clip = [pick(table, control="clip")["value"].to_numpy() for table in tables]
    assert clip[0] == pytest.approx(clip[1], rel=0, abs=1e-5)


def _without(table: pd.DataFrame, *quantities: str) -> pd.DataFrame:
    return cast(pd.DataFrame, table.loc[~table["quantity"].isin(quantities)])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_batches_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    each = replace(MLP, dtype=dtype)
    store = _with_activations(tmp_path / "a.zarr", {each: _activations()[MLP]})
    array = store.activation(each.tap)
    at_once = measure.means(array, each)
    row = int(np.prod(each.shape)) * array.dtype.itemsize
    # five clips: two batches of five and one of two
    monkeypatch.setattr(measure, "_BATCH", 5 * row + 1)
    assert [stop - start for _, start, stop in measure._batches(array)] == [5, 5, 2] * 2
    for name, values in measure.means(array, each).items():
        assert np.array_equal(values, at_once[name])


def test_batches_end_with_their_shard() -> None:
    x = _activations()[MLP]
    array = zarr.create_array(
        {}, shape=x.shape, chunks=(1, 1, *MLP.shape), shards=(1, 5, *MLP.shape), dtype="float32"
    )
    array[...] = x
    batches = list(measure._batches(array))
    assert batches[:3] == [(0, 0, 5), (0, 5, 10), (0, 10, 12)]
    assert [number for number, _, _ in batches] == [0, 0, 0, 1, 1, 1]
    found = measure.means(array, MLP)
    assert found["dead"].tolist() == [[0] * 12, [0.2] * 12]
    # mean A of bin 0: 8 times the mean |x| over time
    expected = np.abs(x.sum(axis=2)).mean(axis=(2, 3, 4))
    assert found["temporal"][:, :, 1, 0] == pytest.approx(expected, rel=1e-5)


def test_activations_averaged_over_places_have_maps_of_one_place(tmp_path: Path) -> None:
    values = {MLP: _activations()[MLP].mean(axis=(3, 4), keepdims=True)}
    store = _with_activations(tmp_path / "a.zarr", values, pool="space")
    made = _measured(store, tmp_path / "a.zarr", tmp_path / "units", "poster")
    table = bins(made)
    assert set(table["height"]) == set(table["width"]) == {1}
    assert set(table.loc[table["transform"] != "temporal", "bin"]) == {0}


@pytest.mark.parametrize("keep", ["means", "activations"])
def test_values_that_are_not_finite_name_tap_and_video(tmp_path: Path, keep: str) -> None:
    values = _activations()
    # clip 9 is the second one of video v4
    values[MLP][1, 9, 3, 0, 0, 0] = np.inf
    path = tmp_path / "a.zarr"
    make = {"means": _with_means, "activations": _with_activations}[keep]
    with np.errstate(invalid="ignore"):
        store = make(path, values)
    sentence = r"^Tap 00\.mlp of video v4 \(input static\) holds values that are not finite.*\.$"
    with pytest.raises(UserError, match=sentence):
        list(_measured(store, path, tmp_path / "units", "poster"))
    assert not (tmp_path / "units" / "00.mlp.npz").exists()


def test_an_empty_store_is_refused(tmp_path: Path) -> None:
    facts = _facts(None, None)
    store_writer.create(tmp_path / "a.zarr", facts, [])
    store_writer.finish(tmp_path / "a.zarr", facts, [])
    with pytest.raises(UserError, match="run the stage extract again"):
        run.part(ActivationStore(tmp_path / "a.zarr"))


def test_the_poster_has_the_stream_and_no_temporal_attention() -> None:
    temporal = tap("00.temporal_attn", "temporal_attn", order=3)
    branch = tap("00.mlp.branch", order=4, side="branch")
    taps = [INPUT, MLP, temporal, branch]
    assert run.chosen(taps, "poster") == [INPUT, MLP]
    assert run.chosen(taps, "all") == taps


def test_a_store_with_means_is_read_without_a_start_of_torch(tmp_path: Path) -> None:
    _with_means(tmp_path / "m.zarr", _activations())
    program = f"""
import runpy, sys
from pathlib import Path
runpy.run_path("stages/spectra.py", run_name="stage")
from signal_perception.extract.store import ActivationStore
from signal_perception.spectra import per_video, run
store = ActivationStore(Path({str(tmp_path / "m.zarr")!r}))
per_video.write(run.Measurements(store, "poster", []), Path({str(tmp_path / "m.parquet")!r}))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    assert (tmp_path / "m.parquet").is_file()
