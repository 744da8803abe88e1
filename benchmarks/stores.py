"""Clip stores of given video files, made by what the decode stage is made of."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from signal_perception.clips.store import ClipStore
from signal_perception.decode import run
from signal_perception.decode.catalogue import Video
from signal_perception.decode.listing import SUFFIXES
from signal_perception.decode.settings import Decode
from signal_perception.decode.store_writer import shard_rows, write_index
from signal_perception.pipeline import params


@cache
def settings() -> Decode:
    """The committed parameters of decoding."""
    return params.load(Path(__file__).resolve().parents[1]).decode


def make(work: Path, paths: Sequence[Path]) -> Path:
    """What the decode stage does with these videos as one shard.

    Answers the store, which is not finished.
    """
    shutil.rmtree(work, ignore_errors=True)
    found = tuple(Video(f"{i:05d}", path, 0, "train", str(i)) for i, path in enumerate(paths))
    work.mkdir(parents=True)
    shard = run.Shard("train", 0, found)
    run.decode_shard(shard, work / "verdicts.json", settings=settings(), folder=work)
    return run.store(work, "train")


def stored(work: Path, paths: Sequence[Path]) -> ClipStore:
    """A finished store of the videos, in their order and all of one class."""
    store = make(work, paths)
    write_index(store, ["any"], shard_rows(store, 0))
    return ClipStore(store)


def video_files(folder: Path) -> list[Path]:
    """All video files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
