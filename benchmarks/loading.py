"""Memory and speed of the loader: resident size after each pass over a clip store, read by this process alone and by two workers.

    python -m benchmarks.loading

The store holds the training videos of the reference data's gestures where they exist, else synthetic videos; the first line says which.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.look_alike import shared
from benchmarks.stores import stored
from signal_perception.data import catalog, synthetic
from signal_perception.data.batches import TrainClips, loader
from signal_perception.data.clips import ClipStore
from signal_perception.data.transforms import normalise

_BATCH = 8


def measure(passes: int = 10) -> Iterator[str]:
    """A line about the store, then one per pass and number of workers: resident sizes in MB and clips per second."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        name, found = _videos(root / "raw")
        path = stored(root / "store", [video.path for video in found]).path
        yield f"loading: {len(found)} {name} videos, clips of 16 frames at 224², batches of {_BATCH}"
        for workers in (0, 2):
            clips = TrainClips(
                ClipStore(path), rule="videomae", frames=16, stride=2, size=224, scale=(0.49, 1.0), flip=True
            )
            for number in range(passes):
                clips.set_epoch(number)
                start, most = time.perf_counter(), 0
                for batch, _ in loader(clips, _BATCH, workers):
                    normalise(batch, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # pages that no one looks at are not resident
                    most = max(most, _workers_resident())
                rate = len(clips) / (time.perf_counter() - start)
                own = psutil.Process().memory_info().rss
                yield (
                    f"{workers} workers, pass {number + 1:2}: {own / 1e6:6.1f} MB here, at most {most / 1e6:6.1f} MB in workers, "
                    f"{rate:.0f} clips/s"
                )


def _videos(raw: Path) -> tuple[str, Sequence[catalog.Video]]:
    """Name and training videos of the data set that is loaded; synthetic ones are written to `raw`."""
    gestures = shared() / "data/gestures"
    name, root, manifest = "gestures", gestures, "manifest.csv"
    if not gestures.is_dir():
        name, root, manifest = "synthetic", raw, synthetic.MANIFEST
        synthetic.write(raw, train_per_class=4, test_per_class=1, frames=64, size=256)
    found = catalog.load(name, root, "folder", manifest=manifest, split=1, test_share=0.0, seed=0)
    return name, found.split("train")


def _workers_resident() -> int:
    """Bytes resident in the processes that this one has started."""
    total = 0
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it may end between the two questions
            total += child.memory_info().rss
    return total


if __name__ == "__main__":
    for line in measure():
        print(line, flush=True)
