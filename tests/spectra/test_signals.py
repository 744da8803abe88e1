"""Signals whose spectra are known, from a store on disk to the tables."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from signal_perception.extract import shards, store_writer
from signal_perception.extract.store import ActivationStore, Part, StoreFacts, TapFacts
from signal_perception.fourier import definitions
from signal_perception.pipeline.units import finish
from signal_perception.spectra import per_bin, per_tap
from signal_perception.spectra.run import Measurements, measure, units
from signal_perception.statistics.intervals import resamples
from tests.spectra.synthetic import one, pick

VIDEOS = 8
IDS = tuple(f"{number}" for number in range(VIDEOS))
PART = Part(IDS, IDS, IDS, clips=1)
FACTS = StoreFacts(("clip",), 0.04, "0", "none", means=None, activations=PART)
RNG = np.random.default_rng(0)


def _through(folder: Path, values: NDArray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of one tap (videos t h w c), by way of a store on disk."""
    shape = tuple(values.shape[1:])
    tap = TapFacts("00.mlp", "mlp", 0, "stream", 1.0, 0, shape, 1e-6, 1e-6, 1e-6, "float32")
    path = folder / "a.zarr"
    store_writer.create(path, FACTS, [tap])
    store_writer.finish(path, FACTS, [tap])
    place = path / "activations/00.mlp/activation"
    array = ActivationStore(path).activation("00.mlp")
    shards.write(place, array, 0, range(VIDEOS), values.astype(np.float32))
    wanted = units(ActivationStore(path), "all", folder / "units")
    finish(wanted, partial(measure, path), label="spectra")
    found = Measurements(ActivationStore(path), "all", wanted)
    arguments = {
        "seconds_per_frame": FACTS.seconds_per_frame,
        "resamples": resamples(IDS, 0, 200),
        "facts": {"dataset": "d", "model": "m", "weights": "d", "weights_sha256": "0"},
    }
    return per_bin.table(found, **arguments), per_tap.table(found, **arguments)


def _deltas(bins: pd.DataFrame, statistic: str, transform: str = "temporal") -> NDArray:
    rows = pick(bins, quantity="delta", statistic=statistic, transform=transform, control="clip")
    return rows["value"].to_numpy(np.float64)


def _normal(*shape: int) -> NDArray:
    return RNG.standard_normal((VIDEOS, *shape))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_sine_gives_its_bin(k: int, tmp_path: Path) -> None:
    wave = 1 + 0.5 * np.sin(2 * np.pi * k * np.arange(8) / 8 + 0.3)
    values = np.broadcast_to(wave[:, None, None, None], (VIDEOS, 8, 5, 5, 4))
    bins, depth = _through(tmp_path, values)
    delta = _deltas(bins, "log_mean")
    assert delta[k] == pytest.approx(np.log(0.25), abs=1e-4)
    assert all(delta[other] < -10 for other in range(1, 5) if other != k)
    assert one(depth, quantity="centroid", control="clip")["value"] == pytest.approx(k / 4)
    # 0.04 seconds a token, 8 tokens
    rows = pick(bins, quantity="delta", statistic="log_mean", transform="temporal", bin=k)
    assert rows["hz"].tolist() == pytest.approx([k / 0.32])


@pytest.mark.parametrize(
    ("statistic", "inside"), [("mean_log", 0.347), ("log_mean", 0.105), ("log_rms", 0.0)]
)
def test_white_noise_has_the_bias_of_its_statistic(
    statistic: str, inside: float, tmp_path: Path
) -> None:
    bins, depth = _through(tmp_path, _normal(8, 12, 12, 32))
    # of 36,864 series: three standard errors of ln A at most
    assert _deltas(bins, statistic)[1:4] == pytest.approx(inside, abs=0.025)
    assert _deltas(bins, statistic)[4] == pytest.approx(0, abs=0.025)
    row = one(depth, quantity="delta", statistic=statistic, point="nyquist", control="clip")
    assert row["value"] == pytest.approx(0, abs=0.025)


def test_tokens_alone_shift_delta(tmp_path: Path) -> None:
    found = {}
    for tokens in (4, 8, 16):
        folder = tmp_path / str(tokens)
        folder.mkdir()
        _, depth = _through(folder, 1 + 0.3 * _normal(tokens, 10, 10, 32))
        labels = {"statistic": "log_rms", "point": "poster", "control": "clip"}
        delta, corrected = (one(depth, quantity=q, **labels) for q in ("delta", "corrected"))
        found[tokens] = delta["value"], corrected["value"]
    for tokens, (delta, corrected) in found.items():
        expected = np.log(0.3 / np.sqrt(1 + 0.09 / tokens))
        assert delta == pytest.approx(expected - 0.5 * np.log(tokens), abs=0.02)
        assert corrected == pytest.approx(expected, abs=0.02)


def test_a_slow_ramp_is_low_at_every_bin(tmp_path: Path) -> None:
    ramp = 1 + np.linspace(-0.5, 0.5, 8)
    values = np.broadcast_to(ramp[:, None, None, None], (VIDEOS, 8, 4, 4, 4))
    bins, _ = _through(tmp_path, values)
    expected = [0, -1.68, -2.29, -2.56, -2.64]
    assert _deltas(bins, "log_mean") == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("tokens", [2, 3])
def test_too_few_tokens_have_no_poster_bin_and_say_why(tokens: int, tmp_path: Path) -> None:
    _, depth = _through(tmp_path, _normal(tokens, 4, 4, 4))
    row = one(depth, quantity="delta", statistic="log_mean", point="poster", control="clip")
    assert np.isnan(row["value"])
    assert f"at least 4 temporal tokens, there are {tokens}" in row["reason"]


@pytest.mark.parametrize("side", [7, 14, 56])
def test_spatial_spectra_are_those_of_park_and_kim(side: int, tmp_path: Path) -> None:
    values = _normal(2, side, side, 3).astype(np.float32)
    bins, _ = _through(tmp_path, values)
    maps = np.fft.fftshift(np.fft.fft2(values.astype(np.float64), axes=(2, 3)), axes=(2, 3))
    logs = np.log(np.abs(maps) + 1e-6).mean(axis=(0, 1, 4))
    half = np.diag(logs)[side // 2 :]
    kept = side // 2
    expected = (half - half[0])[:kept]
    assert definitions.bins("spatial", 2, side, side) == kept
    assert _deltas(bins, "mean_log", "spatial") == pytest.approx(expected, abs=1e-5)
