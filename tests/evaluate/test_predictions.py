"""Predictions written by the stage's own code and read back: all views, some, or none of them."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import predictions
from signal_perception.inference.fusion import fuse
from signal_perception.pipeline.errors import UserError
from tests.support import evaluated
from tests.support.clips import make_store

VIDEOS, VIEWS, CLASSES = 5, 6, 3


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return make_store(tmp_path / "test.zarr", range(VIDEOS))


@pytest.fixture
def logits() -> np.ndarray:
    """Of all videos in the order of the store; one of the last video's is broken."""
    found = np.random.default_rng(0).normal(0, 3, (VIDEOS, VIEWS, CLASSES)).astype(np.float32)
    found[-1, 2, 1] = np.nan
    return found


@pytest.fixture
def file(tmp_path: Path, store: ClipStore, logits: np.ndarray) -> Path:
    """A control says the same backwards."""
    settings = evaluated.settings(clips=2, crops=3)
    _, file = evaluated.write(tmp_path, store, settings, {"clip": logits, "static": -logits})
    return file


def test_predictions_come_back_bit_for_bit(
    file: Path, store: ClipStore, logits: np.ndarray
) -> None:
    found = predictions.read(file, videos=store.ids)
    assert found.ids == tuple(store.ids)
    assert found.groups == tuple(store.groups)
    assert found.labels == tuple(store.classes[label] for label in store.labels)
    assert found.scores.dtype == np.float32
    assert np.array_equal(found.scores, fuse(logits, "logits"), equal_nan=True)
    static = predictions.read(file, "static").scores
    assert np.array_equal(static, fuse(-logits, "logits"), equal_nan=True)


def test_logits_of_every_view_come_back_bit_for_bit(file: Path, logits: np.ndarray) -> None:
    found = predictions.logits(file)
    assert found.dtype == np.float32
    assert np.array_equal(found, logits, equal_nan=True)
    assert np.array_equal(predictions.logits(file, "static"), -logits, equal_nan=True)


def test_other_views_and_rules_need_no_model(
    file: Path, store: ClipStore, logits: np.ndarray
) -> None:
    found = predictions.of_views(file, [0, 4], "logits", videos=store.ids)
    by_hand = (logits[:, 0].astype(np.float64) + logits[:, 4]) / 2
    assert np.array_equal(found.scores, by_hand.astype(np.float32))
    assert found.labels == predictions.read(file).labels
    # the broken view is not among them, so all videos have scores; alone it breaks its video only
    assert np.isfinite(found.scores).all()
    broken = predictions.of_views(file, [2], "logits").scores
    assert np.isnan(broken).all(axis=1).tolist() == [False] * (VIDEOS - 1) + [True]
    every = predictions.of_views(file, range(VIEWS), "logits").scores
    assert np.array_equal(every, predictions.read(file).scores, equal_nan=True)
    other = predictions.of_views(file, range(VIEWS), "probabilities", "static").scores
    assert np.array_equal(other, fuse(-logits, "probabilities"), equal_nan=True)


@pytest.mark.parametrize("views", [[6], [-1], []])
def test_views_that_are_not_there_are_refused(file: Path, views: list[int]) -> None:
    with pytest.raises(UserError, match=r"has views 0 to 5 of each video, .*\.$"):
        predictions.of_views(file, views, "logits")


def test_a_control_is_read_without_the_others(file: Path) -> None:
    groups = pq.ParquetFile(file)
    assert groups.num_row_groups == 2
    assert [groups.read_row_group(i)["control"].unique().to_pylist() for i in (0, 1)] == [
        ["clip"],
        ["static"],
    ]


def test_other_videos_are_refused(file: Path, store: ClipStore) -> None:
    ids = list(store.ids)
    with pytest.raises(UserError, match="5 videos, not of the 4 that are asked for; run"):
        predictions.read(file, videos=ids[:4])
    with pytest.raises(UserError, match=f"number 0 is {ids[0]}, not {ids[1]}; run"):
        predictions.read(file, videos=[ids[1], ids[0], *ids[2:]])


def test_a_control_that_nobody_asked_for_is_refused(file: Path) -> None:
    with pytest.raises(UserError, match="no predictions under 'reversed'; add it"):
        predictions.read(file, "reversed")
