"""The stage's own work again, in other parts and by more readers: the same bytes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from signal_perception.clips.datasets import test_clips as clips_of
from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import predictions, run, tables
from signal_perception.inference import device
from signal_perception.inference.blocks import Videos
from signal_perception.inference.fusion import fuse
from signal_perception.inference.scorer import Scorer
from signal_perception.pipeline.units import Unit, Write, write_atomically
from tests.support import evaluated, tiny_model
from tests.support.clips import make_store

VIDEOS = 70
SETTINGS = evaluated.settings(clips=2, crops=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Three blocks of videos."""
    return make_store(tmp_path_factory.mktemp("clips") / "test.zarr", range(VIDEOS))


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return tiny_model.scorer()


def scored(
    store: ClipStore, scorer: Scorer, folder: Path, parts: Sequence[Sequence[int]]
) -> tuple[list[Unit[Videos]], bytes]:
    """Units, and the file of predictions, with the blocks scored in these parts."""
    units = run.units(store.path, folder)

    def done(videos: Videos, write: Write) -> None:
        write_atomically(next(unit.result for unit in units if unit.item == videos), write)

    for part in parts:
        run.score(SETTINGS, store.path, scorer, [units[number].item for number in part], done)
    table = tables.predictions(store.path, SETTINGS, units)
    tables.write(table, units, "0", folder / "predictions.parquet")
    return units, (folder / "predictions.parquet").read_bytes()


def test_any_number_of_workers_and_readers_writes_the_same_bytes(
    store: ClipStore, scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units, file = scored(store, scorer, tmp_path / "once", [[0, 1, 2]])
    assert len(units) == 3
    again = scored(store, scorer, tmp_path / "again", [[0, 1, 2]])
    # each worker takes its own blocks, in any order
    monkeypatch.setattr(device, "threads_to_read", lambda: 5)
    others = scored(store, scorer, tmp_path / "workers", [[2], [0], [1]])
    for other_units, other_file in (again, others):
        assert other_file == file
        for unit, other in zip(units, other_units, strict=True):
            assert unit.result.read_bytes() == other.result.read_bytes()


def test_every_view_has_the_logits_that_it_has_alone(
    store: ClipStore, scorer: Scorer, tmp_path: Path
) -> None:
    scored(store, scorer, tmp_path, [[0, 1, 2]])
    found = predictions.logits(tmp_path / "predictions.parquet", videos=store.ids)
    assert found.shape == (VIDEOS, 6, 3)
    shown = clips_of(store.path, SETTINGS.model.input, seed=0, clips=2, crops=3)
    for video in (0, 31, 32, 69):
        assert np.array_equal(found[video], scorer.logits(shown[video][0]))
    scores = predictions.read(tmp_path / "predictions.parquet").scores
    assert np.array_equal(scores, fuse(found, SETTINGS.model.input.fusion))
