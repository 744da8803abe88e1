"""A model's means, summed while it runs, and its stored activations give the same tables."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from signal_perception.extract.job import Job
from signal_perception.extract.run import extract
from signal_perception.extract.settings import Settings
from signal_perception.extract.store import ActivationStore
from signal_perception.pipeline.units import finish
from signal_perception.spectra import per_bin, per_tap
from signal_perception.spectra.run import Measurements, measure, units
from signal_perception.statistics.intervals import resamples
from tests.spectra.synthetic import pick
from tests.support import tiny_model
from tests.support.clips import make_store

EXTRACT = {
    "per_class": None,
    "clips": 1,
    "pool": "none",
    "kinds": [],
    "taps": [],
    "sides": ["stream"],
    "controls": ["static", "shuffled"],
    "epsilon": "relative",
    "calibration_videos": 4,
}


def _tables(
    folder: Path, keep: str, dtype: str, network: dict[str, Any] = tiny_model.NETWORK
) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder.mkdir()
    settings = Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "finetune": {"precision": "float32"},
            "extract": EXTRACT | {"keep": keep, "dtype": dtype},
            "model": {"network": network, "input": tiny_model.INPUT},
        }
    )
    clips = make_store(folder / "test.zarr", range(7)).path
    weights = tiny_model.write_weights(folder / "model.safetensors", network)
    job = Job(settings, tiny_model.MODEL, clips, weights, folder, own=True)
    extract(job, "extract")
    store = ActivationStore(job.store)
    wanted = units(store, "all", folder / "units")
    assert bool(wanted) == (keep == "activations")
    finish(wanted, partial(measure, job.store), label="spectra")
    found = Measurements(store, "all", wanted)
    arguments = {
        "seconds_per_frame": store.facts.seconds_per_frame,
        "resamples": resamples(found.part.ids, 0, 100),
        "facts": {"dataset": "d", "model": "m", "weights": "d", "weights_sha256": "0"},
    }
    return per_bin.table(found, **arguments), per_tap.table(found, **arguments)


def test_both_ways_give_the_same_tables(tmp_path: Path) -> None:
    means = _tables(tmp_path / "means", "means", "float32")
    activations = _tables(tmp_path / "activations", "activations", "float32")
    for one, other in zip(means, activations, strict=True):
        for name in ("control", "tap", "quantity", "statistic"):
            assert one[name].tolist() == other[name].tolist()
        for name in ("value", "low", "high"):
            found, expected = (each[name].to_numpy(np.float64) for each in (one, other))
            # HC/DC and F are ratios, some of them large
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_float16_on_disk_costs_little(tmp_path: Path) -> None:
    means, _ = _tables(tmp_path / "means", "means", "float32")
    activations, _ = _tables(tmp_path / "activations", "activations", "float16")
    chosen = np.array((means["quantity"] == "delta") & (means["control"] == "clip"))
    found, expected = (each["value"].to_numpy(np.float64) for each in (activations, means))
    assert 0 < np.abs(found - expected)[chosen].max() <= 5e-3


@pytest.mark.parametrize("workers", ["1", "2"])
def test_workers_change_no_byte(
    workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _tables(tmp_path / "a", "activations", "float16")
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", workers)
    found = _tables(tmp_path / "b", "activations", "float16")
    for one, other in zip(found, expected, strict=True):
        assert one.to_csv() == other.to_csv()
        assert np.isfinite(one["value"].dropna()).all()


def test_a_still_clip_has_no_rhythm_in_a_model_without_position_in_time(tmp_path: Path) -> None:
    # from zero the table of positions in time says nothing
    network = tiny_model.NETWORK | {"zero_start": True}
    bins, _ = _tables(tmp_path / "without", "means", "float32", network)
    with_it, _ = _tables(tmp_path / "with", "means", "float32")
    still, told = (_of_still_clips(each) for each in (bins, with_it))
    # ε is a millionth of the amplitude
    assert len(still) == len(told) > 0
    assert still.max() < -12
    assert told.min() > -6


def _of_still_clips(bins: pd.DataFrame) -> np.ndarray:
    """Δ of static clips at all taps and temporal bins but the first."""
    chosen = pick(bins, control="static", quantity="delta", statistic="log_mean")
    chosen = chosen.query("transform == 'temporal' and bin > 0 and kind != 'input'")
    return chosen["value"].to_numpy(np.float64)
