"""The activation store gives back what was written, in any order of shards the same bytes, and refuses what its numbers cannot hold."""

from pathlib import Path

import numpy as np
import pytest

from signal_perception import activation_store, spectral_tables
from signal_perception.activation_store import ActivationStore, StoreFacts, TapFacts
from signal_perception.errors import UserError
from signal_perception.intervals import resamples

TAPS = [TapFacts("input", "input", -1, "stream", 1.0, 0), TapFacts("00.mlp", "mlp", 0, "stream", 2.0, 1)]
FACTS = StoreFacts(
    ids=["a", "b", "c", "d", "e"], groups=["g", "g", "h", "i", "j"], clips=1, seconds_per_frame=0.1, weights_sha256="0"
)


def _store(path: Path, values: np.ndarray, order: list[int], dtype: str = "float16") -> Path:
    shapes = [(tap, values.shape[1:]) for tap in TAPS]
    activation_store.create(path, ["clip", "static"], shapes, shard=2, dtype=dtype, facts=FACTS)
    for name in ("clip", "static"):
        for start in order:
            part = {tap.tap: activation_store.fitting(tap.tap, values[start : start + 2], dtype) for tap in TAPS}
            activation_store.write(path, name, start, part)
    return path


def _bytes(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_what_was_written_comes_back_in_any_order_with_the_same_bytes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 8, 2, 2, 3)).astype(np.float16)
    first = _store(tmp_path / "a.zarr", values, [0, 2, 4])
    second = _store(tmp_path / "b.zarr", values, [4, 0, 2])
    assert _bytes(first) == _bytes(second)
    store = ActivationStore(first)
    assert store.facts == FACTS
    assert store.inputs == ["clip", "static"]
    assert store.taps() == TAPS
    array = store.array("static", "00.mlp")
    assert array.metadata.dimension_names == activation_store.DIMENSIONS  # type: ignore[union-attr]
    assert np.array_equal(np.asarray(array[:]), values)


def test_a_number_beyond_float16_is_refused_by_the_name_of_its_tap(tmp_path: Path) -> None:
    values = np.full((5, 8, 1, 1, 1), 1e5)
    with pytest.raises(
        UserError, match=r"Tap input reaches 1e\+05, more than float16 holds; set extract.dtype to float32"
    ):
        _store(tmp_path / "a.zarr", values, [0])
    _store(tmp_path / "b.zarr", values, [0, 2, 4], dtype="float32")


def test_a_sine_has_its_peak_in_its_bin_of_the_table(tmp_path: Path) -> None:
    wave = 1 + 0.5 * np.cos(2 * np.pi * 2 * np.arange(8) / 8)  # bin 2: ω = 0.5π
    values = np.broadcast_to(wave[None, :, None, None, None], (5, 8, 2, 2, 3)).astype(np.float32)
    store = _store(tmp_path / "a.zarr", values, [0, 2, 4], dtype="float32")
    results = [("clip", tap, tmp_path / f"{tap.tap}.npz") for tap in TAPS]
    for result in results:
        spectral_tables.measure(store, result, epsilon="relative", calibration_videos=3)
    draws = resamples(FACTS.groups, seed=0, draws=100)
    table = spectral_tables.summary(results, clips=1, seconds_per_frame=0.1, resamples=draws, facts={"model": "toy"})
    mlp = table[(table["tap"] == "00.mlp") & (table["statistic"] == "log_mean")].set_index("bin")
    assert mlp.loc[2, "delta"] == pytest.approx(np.log(0.25), abs=1e-4)
    assert mlp["delta"].drop([0, 2]).max() < -10
    assert mlp.loc[2, "hz"] == pytest.approx(2 / (8 * 0.2))
    assert mlp.index[mlp["is_poster"]].tolist() == [3]
    assert mlp.index[mlp["is_nyquist"]].tolist() == [4]
    rows = next(spectral_tables.per_video(results, FACTS.ids, 1))
    assert len(rows) == 5 * 5


def test_the_poster_hears_the_stream_and_not_temporal_attention() -> None:
    temporal = TapFacts("00.temporal_attn", "temporal_attn", 0, "stream", 1.0, 2)
    branch = TapFacts("00.mlp.branch", "mlp", 0, "branch", 1.0, 3)
    assert spectral_tables.chosen([*TAPS, temporal, branch], "poster") == TAPS
    assert spectral_tables.chosen([*TAPS, temporal, branch], "all") == [*TAPS, temporal, branch]
