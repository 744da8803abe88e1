"""Which taps are measured, and what the tables say of activations made by hand."""

from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

from signal_perception.extract import store as stores
from signal_perception.extract.store import ActivationStore, StoreFacts, TapFacts
from signal_perception.pipeline.units import Unit
from signal_perception.spectra import run, tables
from signal_perception.spectra.run import Spectrum
from signal_perception.spectra.settings import Spectra
from signal_perception.statistics.intervals import resamples

INPUT = TapFacts("input", "input", -1, "stream", 1.0, 0)
MLP = TapFacts("00.mlp", "mlp", 0, "stream", 2.0, 1)
FACTS = StoreFacts(
    ids=["a", "b", "c", "d", "e"],
    groups=["g", "g", "h", "i", "j"],
    clips=1,
    seconds_per_frame=0.1,
    weights_sha256="0",
)


def _store(path: Path, clips: dict[str, np.ndarray]) -> Path:
    """A store whose taps all have the values (n t h w c) given for each input."""
    shapes = [(tap, next(iter(clips.values())).shape[1:]) for tap in (INPUT, MLP)]
    stores.create(path, list(clips), shapes, shard=5, dtype="float32", facts=FACTS)
    for name, values in clips.items():
        stores.write(path, name, 0, {tap.tap: values for tap in (INPUT, MLP)})
    return path


def _wave(amplitude: float) -> np.ndarray:
    """Five clips of a wave in bin 2 of 8 tokens, ω = 0.5π, around a mean of 1."""
    wave = 1 + amplitude * np.cos(2 * np.pi * 2 * np.arange(8) / 8)
    shape = (5, 8, 2, 2, 3)
    return np.broadcast_to(wave[None, :, None, None, None], shape).astype(np.float32)


def _measured(store: Path, folder: Path) -> list[Unit[Spectrum]]:
    settings = Spectra(preset="poster", epsilon="relative", calibration_videos=3, bootstrap=100)
    units = run.units(ActivationStore(store), settings.preset, folder)
    for unit in units:
        unit.result.parent.mkdir(parents=True, exist_ok=True)
        run.measure(store, settings, unit.item, unit.result)
    return units


def test_a_sine_has_its_peak_in_its_bin_of_the_table(tmp_path: Path) -> None:
    store = _store(tmp_path / "a.zarr", {"clip": _wave(0.5)})
    units = _measured(store, tmp_path)
    assert [unit.item.tap for unit in units] == [INPUT, MLP]
    draws = resamples(FACTS.groups, seed=0, draws=100)
    table = tables.summary(
        units, clips=1, seconds_per_frame=0.1, resamples=draws, facts={"model": "toy"}
    )
    rows = table.loc[(table["tap"] == "00.mlp") & (table["statistic"] == "log_mean")]
    mlp = cast(pd.DataFrame, rows.set_index("bin"))
    delta = cast(pd.Series, mlp["delta"])
    assert delta.loc[2] == pytest.approx(np.log(0.25), abs=1e-4)
    assert delta.drop([0, 2]).to_numpy().max() < -10
    assert mlp.loc[2, "hz"] == pytest.approx(2 / (8 * 0.2))
    assert list(mlp.index[mlp["is_poster"].to_numpy(bool)]) == [3]
    assert list(mlp.index[mlp["is_nyquist"].to_numpy(bool)]) == [4]
    assert len(next(tables.per_video(units, FACTS.ids, 1))) == 5 * 5


def test_all_inputs_of_a_tap_share_the_epsilon_of_the_clip(tmp_path: Path) -> None:
    store = _store(tmp_path / "a.zarr", {"clip": _wave(0.5), "static": 100 * _wave(0.0)})
    units = _measured(store, tmp_path)
    found = {(u.item.name, u.item.tap.tap): float(np.load(u.result)["epsilon"]) for u in units}
    assert len(found) == 4
    # RMS over the bins 0 … 4 of |X| = 8, 0, 2, 0, 0
    assert list(found.values()) == pytest.approx([1e-6 * np.sqrt((64 + 4) / 5)] * 4)


def test_the_poster_has_the_stream_and_no_temporal_attention() -> None:
    temporal = TapFacts("00.temporal_attn", "temporal_attn", 0, "stream", 1.0, 2)
    branch = TapFacts("00.mlp.branch", "mlp", 0, "branch", 1.0, 3)
    taps = [INPUT, MLP, temporal, branch]
    assert run.chosen(taps, "poster") == [INPUT, MLP]
    assert run.chosen(taps, "all") == taps
