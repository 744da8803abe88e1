"""Reading spread frames from the clip store against decoding the same video in order, taken in turns on the same videos."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from signal_perception.data import catalog
from signal_perception.data.clip_writer import finish, write_shard
from signal_perception.data.clips import ClipStore
from signal_perception.data.decode import decode
from signal_perception.data.synthetic import write

_FRAMES = 16


def measure(videos: int = 8, frames: int = 96, size: int = 256, rounds: int = 3) -> str:
    """One line: how many times faster 16 spread frames come from the store than from the file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "raw", train_per_class=1, test_per_class=1, frames=frames, size=size)
        found = catalog.load(
            "bench", root / "raw", "folder", manifest="split.csv", split=1, test_share=0.0, seed=0
        ).split("train")[:videos]
        decoded = ((video, decode(video.path, short_side=size, max_frames=frames)) for video in found)
        finish(root / "store", ["class"], write_shard(root / "store", 0, decoded))
        spread = np.linspace(0, frames - 1, _FRAMES).astype(int)
        ratios = []
        for _ in range(rounds):
            store = ClipStore(root / "store")
            for number, video in enumerate(found):
                start = time.perf_counter()
                store.read(number, spread)
                middle = time.perf_counter()
                decode(video.path, short_side=size, max_frames=frames)
                ratios.append((time.perf_counter() - middle) / (middle - start))
    return f"{_FRAMES} of {frames} frames at {size}²: from the store {statistics.median(ratios):.1f} × faster than decoding in order"
