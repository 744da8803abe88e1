"""The decode stage and the clip store against bare loops over the same videos, on one core.

The videos are some of the reference data's gestures (640×480) and its clips of HMDB51 and UCF101
(240 lines) where they exist, else synthetic scenes of 320×240 pixels. Every ratio is the median
over rounds in which both sides take turns; files are in the system's cache for both, decord and
torch have one thread each, and what decord decodes on the fly is not resized before it is cropped.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import decord
import numpy as np
import torch
import zarr
from PIL import Image

from benchmarks.look_alike import encode, shared
from benchmarks.stores import make, settings, stored, video_files
from signal_perception.clips import datasets
from signal_perception.clips.pictures import decode_into, encoder
from signal_perception.clips.settings import Input
from signal_perception.clips.store import ClipStore, shard_path
from signal_perception.decode.store_writer import shard_rows
from signal_perception.synthesise import videos

_FRAMES = 16
_BATCH = 8
# Pixels of the frame that sizes are given for.
_AREA = 256 * 341


def measure(count: int = 16, rounds: int = 3) -> Iterator[str]:
    """Lines of four comparisons.

    The stage against a bare loop, spread reading and loading against decoding in order, bytes of a
    stored frame.
    """
    with tempfile.TemporaryDirectory() as folder, _one_core():
        for name, paths in _groups(Path(folder) / "raw", count):
            root = Path(folder) / name
            yield f"decoding: {len(paths)} {name} videos, one core, medians of {rounds} rounds"
            yield _stage(root, paths, rounds)
            store = stored(root / "store", paths)
            yield _spread(store, paths, rounds)
            yield _loading(store, paths, rounds)
        yield from _sizes(Path(folder) / "sizes", paths)


def _stage(root: Path, paths: list[Path], rounds: int) -> str:
    # warms both up, too
    store = stored(root / "once", paths)
    bare = _bare(paths)
    for number, frames in enumerate(bare):
        stage_frames = store.read(number, range(int(store.frames[number])))
        for frame, other in zip(frames, stage_frames):
            if not np.array_equal(_picture(frame, other.shape), other):
                raise AssertionError(f"{paths[number]}: the bare loop does not do the stage's work")
    count = int(store.frames.sum())
    bare_count = sum(len(frames) for frames in bare)
    stage_rates, bare_rates = [], []
    for _ in range(rounds):
        stage_rates.append(count / _seconds(lambda: make(root / "again", paths)))
        bare_rates.append(bare_count / _seconds(lambda: _bare(paths)))
    ratio = statistics.median(one / other for one, other in zip(stage_rates, bare_rates))
    return (
        f"decode stage {statistics.median(stage_rates):.0f} frames/s, "
        f"bare loop {statistics.median(bare_rates):.0f} frames/s, "
        f"ratio {ratio:.2f} (wanted ≥ 0.8)"
    )


def _bare(paths: list[Path]) -> list[list[bytes]]:
    """The frames of each video compressed.

    Decoded in order, resized and encoded as in the stage, and nothing else.
    """
    encode = encoder(settings().format, settings().quality, settings().chroma)
    most = settings().max_frames
    return [[encode(_shrunk(frame)) for frame in _in_order(path, most)] for path in paths]


def _shrunk(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    short, wanted = min(height, width), settings().short_side
    if short <= wanted:
        return frame
    size = round(width * wanted / short), round(height * wanted / short)
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))


def _picture(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    picture = np.empty(shape, np.uint8)
    decode_into(picture, content)
    return picture


def _in_order(path: Path, count: int) -> Iterator[np.ndarray]:
    """The first `count` frames as decord has them, decoded strictly forwards: uint8 (h w c)."""
    reader = decord.VideoReader(str(path), num_threads=1)
    for _ in range(min(count, len(reader))):
        yield reader.next().asnumpy()


class _Files(ClipStore):
    """The same videos as in a clip store, decoded from their files whenever they are read.

    That is done up to the last frame that is wanted.
    """

    def __init__(self, store: Path, files: list[Path]):
        super().__init__(store)
        self._files = files

    def read(self, video: int, indices) -> np.ndarray:
        wanted = np.asarray(indices)
        needed = set(wanted.tolist())
        frames = {}
        for number, frame in enumerate(_in_order(self._files[video], max(needed) + 1)):
            if number in needed:
                frames[number] = frame
        return np.stack([frames[number] for number in wanted.tolist()])


def _spread(store: ClipStore, paths: list[Path], rounds: int) -> str:
    wanted = [np.linspace(0, count - 1, _FRAMES).astype(int) for count in store.frames]

    def read(opened: ClipStore) -> float:
        return _seconds(
            lambda: [opened.read(number, indices) for number, indices in enumerate(wanted)]
        )

    ratios = [read(_Files(store.path, paths)) / read(ClipStore(store.path)) for _ in range(rounds)]
    return (
        f"{_FRAMES} spread of {int(np.median(store.frames))} frames: from the store "
        f"{statistics.median(ratios):.1f} × faster than decoding in order (wanted ≥ 4)"
    )


def _loading(store: ClipStore, paths: list[Path], rounds: int) -> str:
    wanted = Input(frames=_FRAMES, stride=4, size=112, sampling="dense", fusion="logits")

    def epoch(opened: ClipStore, number: int) -> float:
        clips = datasets.TrainClips(opened, wanted)
        clips.set_epoch(number)
        order = datasets.epoch_order(clips)
        pieces = [order[start : start + _BATCH].tolist() for start in range(0, len(order), _BATCH)]
        batches = datasets.loader(clips, pieces)
        return len(opened) / _seconds(lambda: sum(len(labels) for _, labels in batches))

    pairs = [
        (epoch(ClipStore(store.path), i), epoch(_Files(store.path, paths), i))
        for i in range(rounds)
    ]
    ours, theirs = (statistics.median(column) for column in zip(*pairs))
    return (
        f"clips of {_FRAMES} frames at 112², batches of {_BATCH}: store {ours:.1f} clips/s, "
        f"decord on the fly {theirs:.1f} clips/s, "
        f"ratio {statistics.median(one / other for one, other in pairs):.1f} (wanted ≥ 3)"
    )


def _sizes(root: Path, paths: list[Path]) -> Iterator[str]:
    """Bytes of stored frames.

    Of the reference data's single clips where they exist, else of the other measurements' videos.
    """
    store = make(root, video_files(shared() / "data/singles") or paths)
    offsets = np.asarray(zarr.open_array(shard_path(store, 0) / "offsets", mode="r"))
    means, scaled, largest = [], [], 0.0
    for row in shard_rows(store, 0):
        sizes = np.diff(offsets)[row.first : row.first + row.frames] / 1000
        scaled.append(sizes.mean() * _AREA / (row.height * row.width))
        if min(row.height, row.width) == settings().short_side:
            means.append(sizes.mean())
            largest = max(largest, sizes.max())
    if means:
        yield (
            f"stored frame of short side {settings().short_side}: {np.mean(means):.1f} KB, mean of "
            f"{len(means)} videos; {max(means):.1f} KB in the largest video, "
            f"{largest:.1f} KB the largest frame (wanted ≤ 20 KB)"
        )
    yield (
        f"stored frame per 256×341 pixels, whatever its size: {np.mean(scaled):.1f} KB, mean of "
        f"{len(scaled)} videos; {max(scaled):.1f} KB in the largest video"
    )


def _groups(raw: Path, count: int) -> Iterator[tuple[str, list[Path]]]:
    """Names and files of the sets of videos, at most `count` in each.

    Synthetic ones are written to `raw` where there are no real ones.
    """
    data = shared() / "data"
    gestures = sorted((data / "gestures").glob("*/*.avi"))
    official = sorted(
        path for name in ("hmdb51", "ucf101") for path in (data / "singles" / name).glob("*/*.avi")
    )
    if gestures:
        yield "gesture", gestures[:: max(1, len(gestures) // count)][:count]
    if official:
        yield "HMDB51 and UCF101", official[:count]
    if not gestures and not official:
        raw.mkdir(parents=True)
        paths = [raw / f"{number}.avi" for number in range(count)]
        for number, path in enumerate(paths):
            label = videos.CLASSES[number % len(videos.CLASSES)]
            frames = videos.render(label, number, "train", frames=80, size=320)
            encode(path, frames[:, 40:-40])
        yield "synthetic", paths


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class _one_core:
    """One core (where the system lets a process choose) and one torch thread inside the context.

    Threads made inside share it.
    """

    def __enter__(self) -> None:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        if hasattr(os, "sched_setaffinity"):
            self._cores = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {max(self._cores)})

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._threads)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self._cores)
