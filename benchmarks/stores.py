"""Clip stores, made by what the decode stage is made of."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from signal_perception.clips.pictures import encoder
from signal_perception.clips.store import ClipStore
from signal_perception.decode import run
from signal_perception.decode.catalogue import Video
from signal_perception.decode.listing import SUFFIXES
from signal_perception.decode.settings import Decode
from signal_perception.decode.store_writer import shard_rows, write_index, write_shard
from signal_perception.decode.video import Decoded
from signal_perception.pipeline import params
from signal_perception.synthesise import videos

# Standard deviation of a scene's grain: what gives a frame the bytes of a real one.
_GRAIN = 7


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


def of_scenes(path: Path, count: int, frames: int = 300) -> ClipStore:
    """A store of look-alikes of camera videos: 340×256 pixels, JPEG of about the usual size.

    Four synthetic scenes under grain; their 16 frames are repeated, and so are the scenes.
    """
    pictures = [_scene(number) for number in range(min(4, count))]
    pairs = []
    for number in range(count):
        content = pictures[number % len(pictures)]
        cycle = [content[frame % len(content)] for frame in range(frames)]
        decoded = Decoded(cycle, (256, 340), frames, 30.0, 340, 256, "h264", "decord", "ok", "")
        name = f"{number:05d}"
        pairs.append((Video(name, Path(name), 0, "test", name), decoded))
    write_shard(path, 0, pairs)
    write_index(path, ["any"], shard_rows(path, 0))
    return ClipStore(path)


def of_shapes(work: Path, count: int) -> ClipStore:
    """A store of test videos of the default study, all of one class."""
    source = params.load(Path(__file__).resolve().parents[1]).datasets["shapes"].source
    numbers = {name: getattr(source, name) for name in ("frames", "size", "fps")}
    scenes = -(-count // len(videos.CLASSES))
    videos.write(work / "raw", train_per_class=0, test_per_class=scenes, **numbers)
    return stored(work / "clips", video_files(work / "raw")[:count])


def _scene(number: int) -> list[bytes]:
    """16 compressed frames of a synthetic scene."""
    encode = encoder(settings().format, settings().quality, settings().chroma)
    label = videos.CLASSES[number % len(videos.CLASSES)]
    plain = videos.render(label, number, "test", frames=16, size=340)[:, 42:-42]
    rng = np.random.default_rng(number)
    found = []
    for frame in plain:
        grain = rng.normal(0, _GRAIN, (128, 170, 1)).repeat(2, 0).repeat(2, 1)
        found.append(encode((frame + grain).clip(0, 255).astype(np.uint8)))
    return found
