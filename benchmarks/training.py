"""What loading costs a training run: steps fed by the loader beside steps fed with ready clips.

    python -m benchmarks.training [MODEL ...]

The nine models at size `base`, with the augmentation of their recipes, one clip a step, on this
machine's device; clips come from a store of look-alikes of camera videos (short side 256), decoded
anew each time, as those are that do not fit in memory. Both sides take turns, in one thread.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import psutil

from benchmarks.stores import of_scenes
from benchmarks.subjects import ROOT, Subject
from benchmarks.timing import load, paired, ratio, spread
from signal_perception.clips import order
from signal_perception.clips.datasets import TrainClips, loader
from signal_perception.clips.order import Step
from signal_perception.clips.store import ClipStore
from signal_perception.finetune.run import augment
from signal_perception.inference import device
from signal_perception.models.core import registry
from signal_perception.pipeline import params

_ROUNDS = 3
_VIDEOS = 8


def measure(names: Sequence[str] = ()) -> Iterator[str]:
    """A line per model: clips per second, and the loader's share of a step's time."""
    device.fix_arithmetic(1)
    yield f"training of one clip a step from the store, {load()}"
    with tempfile.TemporaryDirectory() as folder:
        store = of_scenes(Path(folder) / "store", _VIDEOS, frames=80)
        for name in names or registry.names():
            yield _of(name, store)


def _of(name: str, store: ClipStore) -> str:
    where = device.device()
    entry = params.load(ROOT).models[name]["base"]
    subject = Subject(name, "base", entry, where)
    training = subject.trainer("float32" if where.type == "cpu" else "bfloat16", 1)
    views = augment(entry.recipe, entry.input, flip=True)
    clips = TrainClips(store, entry.input, augment=views)
    batches = iter(loader(clips, [[video] for video in _endless(len(clips))]))
    unit = [range(1)]

    loading: list[float] = []

    def fed() -> None:
        start = time.process_time()
        batch = next(batches)
        loading.append(time.process_time() - start)
        (piece,) = order.pieces([0], unit)
        training.trainer.step(Step(training.number, 1, (piece,)), iter([batch]))
        training.number += 1

    fed()
    loading.clear()
    memory = psutil.Process().memory_info().rss
    seconds = paired({"loader": fed, "ready": training.step}, _ROUNDS, where)
    grown = (psutil.Process().memory_info().rss - memory) / 1e6
    shares = [100 * part / each.cpu for part, each in zip(loading, seconds["loader"], strict=True)]
    rate = 1 / min(each.wall for each in seconds["loader"])
    return (
        f"{name}: {rate:.3g} clips/s; loading {spread(shares)} % of a step's core time (wanted at "
        f"most 10), a step with it {ratio(seconds, 'loader', 'ready')} of one without; memory "
        f"{grown:+.0f} MB over {2 * _ROUNDS} steps"
    )


def _endless(videos: int) -> list[int]:
    numbers = cycle(range(videos))
    return [next(numbers) for _ in range(4 * _ROUNDS)]


if __name__ == "__main__":
    for line in measure(sys.argv[1:]):
        print(line, flush=True)
