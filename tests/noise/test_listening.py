"""Noise → spectrum: what is heard under a cell, and what the table says of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from signal_perception.clips.datasets import TestClips
from signal_perception.clips.datasets import test_clips as clips_of
from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap, capture
from signal_perception.noise import spectra
from signal_perception.noise.definitions import Cell
from signal_perception.noise.grid import Place
from signal_perception.noise.listening import CLEAN, Heard, Listener, figure1_taps
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.intervals import resamples
from tests.support import tiny_model
from tests.support.clips import make_store

VIDEOS, VIEWS = 5, 2
CELL = Cell("mlp", "all", 1, 2, 0.5, 0.5)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> TestClips:
    store = make_store(tmp_path_factory.mktemp("clips") / "test.zarr", range(VIDEOS))
    return clips_of(store.path, Input.model_validate(tiny_model.INPUT), seed=0, clips=VIEWS)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return tiny_model.scorer()


@contextmanager
def doubled(scorer: Scorer) -> Iterator[None]:
    """The model with the first block's MLP twice as strong."""
    weight = scorer.model.get_parameter("blocks.0.mlp.mlp.fc2.weight")
    with torch.no_grad():
        weight *= 2
    try:
        yield
    finally:
        with torch.no_grad():
            weight /= 2


def taps_of(scorer: Scorer) -> list[Tap]:
    return figure1_taps(registry.taps(tiny_model.MODEL, scorer.model))


def by_hand(scorer: Scorer, shown: TestClips) -> NDArray[np.float64]:
    """Δ (log_mean, k = 1 of 4 tokens) of every video and tap, by NumPy's transform."""
    rows = []
    for video in range(VIDEOS):
        views = normalise(shown[video][0], scorer.input.mean, scorer.input.std)
        with torch.inference_mode(), capture(scorer.model, taps_of(scorer)) as found:
            scorer.model(views)
        amplitudes = [
            np.abs(np.fft.rfft(found[tap.name].double().numpy(), axis=1)).mean((2, 3, 4))
            for tap in taps_of(scorer)
        ]
        rows.append([np.log(each[:, 1] / each[:, 0]).mean() for each in amplitudes])
    return np.array(rows)


def test_heard_is_what_numpy_says_clean_and_disturbed(
    scorer: Scorer, shown: TestClips, tmp_path: Path
) -> None:
    listener = Listener(scorer, tiny_model.MODEL, shown, lambda _cell, _repeat: doubled(scorer))
    units = [Unit(each, tmp_path / f"{each.repeat}.npz") for each in (CLEAN, Heard(CELL, 1))]
    for unit in units:
        listener.hear(unit.item, unit.result)
    found = spectra.deltas(units)
    assert np.abs(found.clean - by_hand(scorer, shown)).max() < 1e-4
    with doubled(scorer):
        expected = by_hand(scorer, shown)
    assert np.abs(found.noisy[CELL][0] - expected).max() < 1e-4
    assert np.abs(expected - found.clean).max() > 1e-2
    assert set(found.taps.tokens) == {4}
    assert found.taps.names == [tap.name for tap in taps_of(scorer)]


def _table(change: float, tokens: int = 8) -> dict[str, list]:
    """The table of two taps, whose Δ noise raises by `change` at the second alone."""
    random = np.random.default_rng(0)
    clean = random.normal(-2, 0.3, (24, 2))
    noisy = clean + random.normal(0, 0.05, (3, 24, 2)) + np.array([0, change])
    taps = spectra.Taps(["00.mlp", "01.mlp"], ["mlp", "mlp"], [0, 1], [tokens, tokens])
    rows = spectra.rows(
        spectra.Deltas(taps, clean, {CELL: noisy}),
        [(Place("figure2", "mlp", 0.5, ("gamma", "sigma"), 0), CELL)],
        {CELL: 0.25},
        resamples(range(24), seed=0, draws=500),
    )
    assert {*rows, "dataset", "model"} == set(spectra.COLUMNS)
    return rows.to_dict("list")


def test_only_what_noise_changes_is_found() -> None:
    found = _table(0.4)
    assert found["difference"] == pytest.approx([0, 0.4], abs=0.05)
    assert found["low"][1] < 0.4 < found["high"][1]
    assert found["p_holm"][0] > 0.05 > found["p_holm"][1]
    assert found["omega"] == [0.75, 0.75] and found["kappa"] == [0.25, 0.25]
    assert found["rho"] == [0.5, 0.5] and found["repeats"] == [3, 3]


def test_two_tokens_have_no_such_bin_and_a_reason() -> None:
    found = _table(0.4, tokens=2)
    assert np.isnan(found["omega"]).all()
    assert all("needs at least 4 temporal tokens" in reason for reason in found["reason"])
