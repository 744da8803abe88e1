"""Clip stores of given video files, made by what the decode stage is made of."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from signal_perception import ingest, params
from signal_perception.data.catalog import Video
from signal_perception.data.clip_writer import finish, shard_rows
from signal_perception.data.clips import ClipStore


@cache
def settings() -> params.Decode:
    """The committed parameters of decoding."""
    return params.load(Path(__file__).resolve().parents[1] / "params.yaml").decode


def make(work: Path, paths: Sequence[Path]) -> Path:
    """What the decode stage does with these videos as one shard; answers the store, which is not finished."""
    shutil.rmtree(work, ignore_errors=True)
    found = tuple(Video(f"{i:05d}", path, 0, "train", str(i)) for i, path in enumerate(paths))
    ingest.make(ingest.Shard("train", 0, found), settings=settings(), work=work)
    return ingest.store(work, "train")


def stored(work: Path, paths: Sequence[Path]) -> ClipStore:
    """A finished store of the videos, in their order and all of one class."""
    store = make(work, paths)
    finish(store, ["any"], shard_rows(store, 0) or [])
    return ClipStore(store)
