"""Predictions written by the stage's own code and read back: ties, broken scores, wrong videos."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import predictions, tables
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.blocks import Videos
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.accuracy import ranking
from tests.support.clips import make_store
from tests.support.tiny_model import INPUT, NETWORK, write_weights

SCORES = np.array(
    [[0, -1, -2], [-3, -3, -4], [0, np.nan, 0], [-1, -1, -1], [-9, 0, -9]], np.float32
)


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    """Videos 0 … 4 of the classes a, b, c, a, b."""
    return make_store(tmp_path / "test.zarr", range(5))


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "study": {"size": "tiny"},
            "finetune": {"precision": "float32"},
            "views": {"clips": 1, "crops": 1, "controls": ["static"]},
            "model": {"network": NETWORK, "input": INPUT, "pretrained": None},
        }
    )


@pytest.fixture
def file(tmp_path: Path, store: ClipStore, settings: Settings) -> Path:
    """The table of SCORES, in the order of the store; a control scores the same backwards."""
    order = [int(name[:2]) for name in store.ids]
    result = tmp_path / "block.npz"
    np.savez(result, clip=SCORES[order], static=SCORES[order][:, ::-1])
    units = [Unit(Videos(tuple(range(5))), result)]
    table = tables.predictions(tmp_path / "test.zarr", settings, units)
    table.to_parquet(tmp_path / "predictions.parquet", index=False)
    return tmp_path / "predictions.parquet"


def test_predictions_come_back_bit_for_bit(file: Path, store: ClipStore) -> None:
    found = predictions.read(file, videos=store.ids)
    order = [int(name[:2]) for name in store.ids]
    assert found.ids == tuple(store.ids)
    assert found.groups == tuple(store.groups)
    assert found.labels == tuple(store.classes[label] for label in store.labels)
    assert found.scores.dtype == np.float32
    assert np.array_equal(found.scores, SCORES[order], equal_nan=True)
    static = predictions.read(file, "static").scores
    assert np.array_equal(static, SCORES[order][:, ::-1], equal_nan=True)


def test_ties_and_broken_scores_stand_in_the_table_and_the_accuracy(
    file: Path, settings: Settings, tmp_path: Path
) -> None:
    table = pd.read_parquet(file)
    clip = table.query("control == 'clip'").sort_values("video")
    assert clip["rank"].tolist() == [0, 0.5, 3, 1, 0]
    assert clip["tied"].tolist() == [0, 1, 0, 2, 0]
    assert clip["predicted"].tolist() == ["a", "a", "", "a", "b"]
    weights = write_weights(tmp_path / "weights.safetensors")
    text = tables.metrics(table, settings, dataset="d", model="m", weights=weights, dropped=0)
    found = json.loads(text)
    assert found["top1"] == pytest.approx(100 * (1 + 0.5 + 0 + 1 / 3 + 1) / 5)
    assert found["correct1"] == pytest.approx(2 + 5 / 6)
    assert (found["tied"], found["not_finite"], found["correct5"]) == (2, 1, 4)
    assert found["controls"]["static"]["not_finite"] == 1
    # what is read back gives the same accuracy
    read = predictions.read(file)
    labels = np.array(["abc".index(label) for label in read.labels])
    assert 100 * ranking(read.scores, labels).hits(1).mean() == pytest.approx(found["top1"])


def test_other_videos_are_refused(file: Path, store: ClipStore) -> None:
    ids = list(store.ids)
    with pytest.raises(UserError, match="5 videos, not of the 4 that are asked for; run"):
        predictions.read(file, videos=ids[:4])
    with pytest.raises(UserError, match=f"number 0 is {ids[0]}, not {ids[1]}; run"):
        predictions.read(file, videos=[ids[1], ids[0], *ids[2:]])


def test_a_control_that_nobody_asked_for_is_refused(file: Path) -> None:
    with pytest.raises(UserError, match="no predictions under 'reversed'; add it"):
        predictions.read(file, "reversed")
