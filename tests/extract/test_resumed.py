"""A run goes on from a damaged scratch to the bytes of an unbroken one, and loses no more."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import zarr

from signal_perception.extract import run, shards
from signal_perception.extract.job import Job
from signal_perception.extract.settings import Settings
from signal_perception.inference import blocks
from signal_perception.pipeline import disk
from tests.extract.test_run import EXTRACT
from tests.support import tiny_model
from tests.support.clips import make_store
from tests.support.damage import DAMAGE, another_process, flip
from tests.support.killed import killed_at

CHANGES: dict[str, object] = {
    "per_class": None,
    "clips": 1,
    "controls": ["static"],
    "taps": ["00.mlp"],
    "kinds": [],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job of seven videos in four blocks that is done and not published."""
    folder = tmp_path_factory.mktemp("extract")
    settings = Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "finetune": {"precision": "float32"},
            "extract": EXTRACT | CHANGES,
            "model": {"network": tiny_model.NETWORK, "input": tiny_model.INPUT},
        }
    )
    clips = make_store(folder / "test.zarr", range(7)).path
    weights = tiny_model.write_weights(folder / "model.safetensors")
    job = Job(settings, tiny_model.MODEL, clips, weights, folder / "job", own=True)
    job.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_VIDEOS", 2)
        # a shard of three videos
        patch.setattr(shards, "rows", lambda *_: 3)
        run.extract(job, "extract")
    return job


@pytest.fixture
def job(whole: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The same, in a folder of its own."""
    monkeypatch.setattr(blocks, "_VIDEOS", 2)
    monkeypatch.setattr(shards, "rows", lambda *_: 3)
    shutil.copytree(whole.folder, tmp_path / "job")
    another_process()
    return Job(whole.settings, whole.model, whole.clips, whole.weights, tmp_path / "job", own=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the videos that run again."""
    found, usual = [], run._blocks

    def watched(job: Job, taps: object, scorer: object, videos: Sequence, done: Callable) -> None:
        found.extend(number for block in videos for number in block.numbers)
        usual(job, taps, scorer, videos, done)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "_blocks", watched)
    return found


def _bytes(store: Path) -> dict[str, bytes]:
    files = (file for file in store.rglob("*") if file.is_file())
    return {str(file.relative_to(store)): file.read_bytes() for file in files}


def _shard(job: Job, place: int = 1) -> Path:
    return job.store / f"activations/00.mlp/activation/c.0.{place}.0.0.0.0"


def test_nothing_is_done_again(job: Job, whole: Job, asked: list[int]) -> None:
    run.extract(job, "extract")
    assert asked == []
    assert _bytes(job.store) == _bytes(whole.store)


SHARD = "activations.zarr/activations/00.mlp/activation/c.0.1.0.0.0.0"


@pytest.mark.parametrize(
    ("file", "damage", "lost"),
    [
        ("taps.json", "a flipped bit", []),
        ("taps.json", "truncation", []),
        ("activations.zarr/zarr.json", "truncation", []),
        ("activations.zarr/activations/00.mlp/zarr.json", "a flipped bit", []),
        ("activations.zarr/activations/00.mlp/activation/zarr.json", "a missing file", []),
        ("activations.zarr/activations/00.mlp/video/c.0", "no content", []),
        ("activations.zarr/means/00.mlp/temporal/c.0.0.0.0", "a flipped bit", []),
        ("blocks/000002.npy", "a flipped bit", [2, 3]),
        ("blocks/000002.npy", "truncation", [2, 3]),
        ("blocks/.000002.npy.sum", "a missing file", [2, 3]),
        # its videos are 3, 4 and 5: a bit is of the middle one, half of it cuts that off, too
        (SHARD, "a flipped bit", [4, 5]),
        (SHARD, "truncation", [4, 5]),
        (SHARD, "no content", [2, 3, 4, 5]),
        (SHARD, "a missing file", [2, 3, 4, 5]),
    ],
)
def test_what_is_damaged_is_made_anew(
    file: str, damage: str, lost: list[int], job: Job, whole: Job, asked: list[int]
) -> None:
    DAMAGE[damage](job.folder / file)
    run.extract(job, "extract")
    assert asked == lost
    assert _bytes(job.store) == _bytes(whole.store)


def test_an_index_of_a_shard_is_written_again(job: Job, whole: Job, asked: list[int]) -> None:
    flip(_shard(job), 1.0)
    run.extract(job, "extract")
    assert asked == []
    assert _bytes(job.store) == _bytes(whole.store)


def test_killed_while_the_store_is_mended_and_completed(
    job: Job, whole: Job, asked: list[int]
) -> None:
    for number in range(1, 200, 23):
        killed_at(number, lambda: run.extract(job, "extract"))
        # as the next run's scratch does
        disk.sweep(job.folder)
    run.extract(job, "extract")
    assert _bytes(job.store) == _bytes(whole.store)
    assert asked == []


def test_rows_are_told_from_holes_and_damage(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(1, 5, 2, 1, 1, 3)).astype(np.float16)
    array = zarr.create_array(
        tmp_path,
        shape=values.shape,
        chunks=(1, 1, 2, 1, 1, 3),
        shards=(1, 3, 2, 1, 1, 3),
        dtype="float16",
        chunk_key_encoding=shards.KEYS,
    )
    shards.prepare(tmp_path, array)
    shards.write(tmp_path, array, 0, [0, 1, 3], values[0, [0, 1, 3]])
    sound: Callable[[int], bool] = lambda row: shards.sound(tmp_path, array, 0, [row])  # noqa: E731
    assert [sound(row) for row in range(5)] == [True, True, False, True, False]
    first = tmp_path / "c.0.0.0.0.0.0"
    flip(first, 0.0)
    assert [sound(row) for row in range(5)] == [False, True, False, True, False]
    before = first.read_bytes()
    first.write_bytes(before[:40])
    shards.prepare(tmp_path, array)
    # the index is back, and of the clips those that were not cut off
    assert first.stat().st_size == len(before)
    assert [sound(row) for row in range(5)] == [False, True, False, True, False]
    assert re.fullmatch(rb"\0*", first.read_bytes()[40:48])
