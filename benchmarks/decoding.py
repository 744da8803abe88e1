"""The decode stage and the clip store against bare loops over the same videos, in one run on one core.

The videos are some of the reference data's gestures (640×480) and its clips of HMDB51 and UCF101 (240 lines) where they exist, else
synthetic scenes of 320×240 pixels. Every ratio is the median over rounds in which both sides take turns; files are in the system's cache
for both, decord and torch have one thread each, and what decord decodes on the fly is not resized before it is cropped.
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
from benchmarks.stores import make, settings, stored
from signal_perception.data import batches, catalog, synthetic
from signal_perception.data.clip_writer import shard_rows
from signal_perception.data.clips import ClipStore, shard_path
from signal_perception.data.pictures import decode_into, encoder

_FRAMES = 16
_BATCH = 8
_AREA = 256 * 341  # pixels of the frame that sizes are given for


def measure(videos: int = 16, rounds: int = 3) -> Iterator[str]:
    """Lines: stage against a bare loop, spread reading and loading against decoding in order, bytes of a stored frame."""
    with tempfile.TemporaryDirectory() as folder, _one_core():
        for name, paths in _groups(Path(folder) / "raw", videos):
            root = Path(folder) / name
            yield f"decoding: {len(paths)} {name} videos, one core, medians of {rounds} rounds"
            yield _stage(root, paths, rounds)
            store = stored(root / "store", paths)
            yield _spread(store, paths, rounds)
            yield _loading(store, paths, rounds)
        yield from _sizes(Path(folder) / "sizes", paths)


def _stage(root: Path, paths: list[Path], rounds: int) -> str:
    store = stored(root / "once", paths)  # warms both up, too
    bare = _bare(paths)
    for number, frames in enumerate(bare):
        kept = store.read(number, range(int(store.frames[number])))
        if not all(np.array_equal(_picture(frame, other.shape), other) for frame, other in zip(frames, kept)):
            raise AssertionError(f"{paths[number]}: the bare loop does not do the work of the stage")
    count = int(store.frames.sum())
    bare_count = sum(len(frames) for frames in bare)
    stage_rates, bare_rates = [], []
    for _ in range(rounds):
        stage_rates.append(count / _seconds(lambda: make(root / "again", paths)))
        bare_rates.append(bare_count / _seconds(lambda: _bare(paths)))
    ratio = statistics.median(one / other for one, other in zip(stage_rates, bare_rates))
    return (
        f"decode stage {statistics.median(stage_rates):.0f} frames/s, bare loop {statistics.median(bare_rates):.0f} frames/s, "
        f"ratio {ratio:.2f} (wanted ≥ 0.8)"
    )


def _bare(paths: list[Path]) -> list[list[bytes]]:
    """The frames of each video compressed: the same decoding in order, resizing and encoding as in the stage, and nothing else."""
    encode = encoder(settings().format, settings().quality, settings().chroma)
    return [[encode(_shrunk(frame)) for frame in _in_order(path, settings().max_frames)] for path in paths]


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
    """The same videos as in a clip store, decoded from their files whenever they are read, up to the last frame that is wanted."""

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
        return _seconds(lambda: [opened.read(number, indices) for number, indices in enumerate(wanted)])

    ratios = [read(_Files(store.path, paths)) / read(ClipStore(store.path)) for _ in range(rounds)]
    return (
        f"{_FRAMES} spread of {int(np.median(store.frames))} frames: from the store {statistics.median(ratios):.1f} × faster "
        "than decoding in order (wanted ≥ 4)"
    )


def _loading(store: ClipStore, paths: list[Path], rounds: int) -> str:
    def epoch(opened: ClipStore, number: int) -> float:
        clips = batches.TrainClips(opened, rule="dense", frames=_FRAMES, stride=4, size=112)
        clips.set_epoch(number)
        return len(opened) / _seconds(lambda: sum(len(labels) for _, labels in batches.loader(clips, _BATCH)))

    pairs = [(epoch(ClipStore(store.path), i), epoch(_Files(store.path, paths), i)) for i in range(rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs))
    return (
        f"clips of {_FRAMES} frames at 112², batches of {_BATCH}: store {ours:.1f} clips/s, decord on the fly {theirs:.1f} clips/s, "
        f"ratio {statistics.median(one / other for one, other in pairs):.1f} (wanted ≥ 3)"
    )


def _sizes(root: Path, paths: list[Path]) -> Iterator[str]:
    """Bytes of stored frames: of the reference data's single clips where they exist, else of the videos of the other measurements."""
    singles = shared() / "data/singles"
    found = sorted(path for path in singles.rglob("*") if path.suffix in catalog.SUFFIXES) or paths
    store = make(root, found)
    offsets = np.asarray(zarr.open_array(shard_path(store, 0) / "offsets", mode="r"))
    means, scaled, largest = [], [], 0.0
    for row in shard_rows(store, 0) or []:
        sizes = np.diff(offsets)[row.first : row.first + row.frames] / 1000
        scaled.append(sizes.mean() * _AREA / (row.height * row.width))
        if min(row.height, row.width) == settings().short_side:
            means.append(sizes.mean())
            largest = max(largest, sizes.max())
    if means:
        yield (
            f"stored frame of short side {settings().short_side}: {np.mean(means):.1f} KB, mean of {len(means)} videos; "
            f"{max(means):.1f} KB in the largest video, {largest:.1f} KB the largest frame (wanted ≤ 20 KB)"
        )
    yield (
        f"stored frame per 256×341 pixels, whatever its size: {np.mean(scaled):.1f} KB, mean of {len(scaled)} videos; "
        f"{max(scaled):.1f} KB in the largest video"
    )


def _groups(raw: Path, count: int) -> Iterator[tuple[str, list[Path]]]:
    """Names and files of the sets of videos, at most `count` in each; synthetic ones are written to `raw` where there are no real ones."""
    data = shared() / "data"
    gestures = sorted((data / "gestures").glob("*/*.avi"))
    official = sorted(path for name in ("hmdb51", "ucf101") for path in (data / "singles" / name).glob("*/*.avi"))
    if gestures:
        yield "gesture", gestures[:: max(1, len(gestures) // count)][:count]
    if official:
        yield "HMDB51 and UCF101", official[:count]
    if not gestures and not official:
        raw.mkdir(parents=True)
        paths = [raw / f"{number}.avi" for number in range(count)]
        for number, path in enumerate(paths):
            label = synthetic.CLASSES[number % len(synthetic.CLASSES)]
            encode(path, synthetic.render(label, number, "train", frames=80, size=320)[:, 40:-40])
        yield "synthetic", paths


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class _one_core:
    """One core (where the system lets a process choose) and one torch thread inside the context; threads made inside share it."""

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
