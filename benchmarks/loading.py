"""Memory and speed of the loader: resident size after each pass over a clip store.

It is read by this process alone, and by two workers.

    python -m benchmarks.loading

The store holds the training videos of the reference data's gestures where they exist, else
synthetic videos; the first line says which.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.look_alike import shared
from benchmarks.stores import stored
from signal_perception.clips.augment import Augment
from signal_perception.clips.datasets import TrainClips, epoch_order, loader
from signal_perception.clips.settings import Input
from signal_perception.clips.store import ClipStore
from signal_perception.clips.transforms import normalise
from signal_perception.decode.catalogue import Video, load_catalogue
from signal_perception.decode.settings import FolderSource
from signal_perception.synthesise import videos
from signal_perception.synthesise.settings import MANIFEST

_BATCH = 8


def measure(passes: int = 10) -> Iterator[str]:
    """A line about the store, then one per pass and number of workers.

    These have resident sizes in MB, and clips per second.
    """
    wanted = Input(frames=16, stride=2, size=224, sampling="videomae", fusion="logits")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        name, found = _videos(root / "raw")
        path = stored(root / "store", [video.path for video in found]).path
        yield (
            f"loading: {len(found)} {name} videos, clips of 16 frames at 224², batches of {_BATCH}"
        )
        for workers in (0, 2):
            # decoded anew in every pass, as videos are that do not fit in memory
            clips = TrainClips(
                ClipStore(path), wanted, augment=Augment((0.49, 1.0), flip=True), seed=0
            )
            for number in range(passes):
                clips.set_epoch(number)
                start, most = time.perf_counter(), 0
                order = epoch_order(clips).tolist()
                pieces = [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]
                for batch, _ in loader(clips, pieces, workers):
                    # pages that no one looks at are not resident
                    normalise(batch, wanted.mean, wanted.std)
                    most = max(most, _workers_resident())
                rate = len(clips) / (time.perf_counter() - start)
                own = psutil.Process().memory_info().rss
                yield (
                    f"{workers} workers, pass {number + 1:2}: {own / 1e6:6.1f} MB here, "
                    f"at most {most / 1e6:6.1f} MB in workers, {rate:.0f} clips/s"
                )


def _videos(raw: Path) -> tuple[str, Sequence[Video]]:
    """Name and training videos of the data set that is loaded.

    Synthetic ones are written to `raw`.
    """
    gestures = shared() / "data/gestures"
    name, root, manifest = "gestures", gestures, "manifest.csv"
    if not gestures.is_dir():
        name, root, manifest = "synthetic", raw, MANIFEST
        videos.write(raw, train_per_class=4, test_per_class=1, frames=64, size=256)
    source = FolderSource(kind="folder", manifest=manifest, test_share=0.3, seed=0)
    return name, load_catalogue(name, source, root).split("train")


def _workers_resident() -> int:
    """Bytes resident in the processes that this one has started."""
    total = 0
    for child in psutil.Process().children():
        # it may end between the two questions
        with suppress(psutil.NoSuchProcess):
            total += child.memory_info().rss
    return total


if __name__ == "__main__":
    for line in measure():
        print(line, flush=True)
