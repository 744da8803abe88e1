"""The parquet file: a row for each tap, transform, control, video and bin."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception.fourier import definitions
from signal_perception.spectra import per_video
from tests.spectra import synthetic
from tests.spectra.synthetic import measurements, noise, one, pick, tap

WIDE = (8, 4, 4, 2)


def _written(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    taps = [tap("00.mlp", shape=WIDE), tap("01.mlp", block=1, order=2, shape=WIDE)]
    x = noise(6, WIDE)
    inputs = {"clip": x, "static": noise(6, WIDE, 1)}
    made = measurements(dict.fromkeys(taps, inputs), synthetic.part(videos=3, clips=2))
    per_video.write(made, path)
    return pd.read_parquet(path), x


def test_one_row_per_tap_transform_control_video_and_bin(tmp_path: Path) -> None:
    table, _ = _written(tmp_path / "a.parquet")
    key = ["tap", "transform", "control", "video", "bin"]
    assert not table.duplicated(key).any()
    # bins of the three transforms
    assert len(table) == 2 * 2 * 3 * (5 + 2 + 2)
    assert table["tap"].drop_duplicates().tolist() == ["00.mlp", "01.mlp"]
    assert table["transform"].drop_duplicates().tolist() == list(definitions.TRANSFORMS)
    assert set(table["tokens"]) == {8}


def test_values_are_those_of_the_clips_averaged(tmp_path: Path) -> None:
    table, x = _written(tmp_path / "a.parquet")
    means = synthetic.means(x)["spatial"]
    row = one(table, tap="01.mlp", transform="spatial", control="clip", video="v1", bin=1)
    expected = means[2:4, :, 1].mean(axis=0)
    names = ["mean_ln_amplitude", "mean_amplitude", "mean_power"]
    assert [row[name] for name in names] == pytest.approx(expected.tolist())
    for statistic in definitions.STATISTICS:
        log = definitions.log_amplitude(means, synthetic.EPSILON, statistic)
        delta = (log[2:4, 1] - log[2:4, 0]).mean()
        assert row[statistic] == pytest.approx(delta)


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    first, _ = _written(files[0])
    _written(files[1])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert set(pick(first, transform="temporal", bin=0)["log_mean"]) == {0}
