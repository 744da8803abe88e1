"""Which clips a training step is made of, and which of them one process loads at a time.

A step's clips have places 0 … n − 1. What happens to a clip depends on its step and place, not on
the process or the batch of the device that it falls to.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# Clips that the loader hands over at a time, where those that belong together are not more.
_MOST = 32


@dataclass(frozen=True)
class Piece:
    """Clips of a step that are loaded together.

    items: of the data set, one per place. units: places that belong together, one after the other.
    """

    items: tuple[int, ...]
    units: tuple[range, ...]

    @property
    def places(self) -> range:
        return range(self.units[0].start, self.units[-1].stop)


@dataclass(frozen=True)
class Step:
    """One step of the optimiser. number: from 0, over all epochs. clips: of all processes.

    pieces: of this process.
    """

    number: int
    clips: int
    pieces: tuple[Piece, ...]


def steps_of(videos: int, samples: int, batch: int) -> int:
    """Steps of an epoch: enough that none has more than `batch` clips, `samples` of each video."""
    return max(1, -(-videos * samples // batch))


def epoch(
    order: np.ndarray,
    first: int,
    *,
    samples: int,
    batch: int,
    together: int,
    process: int = 0,
    processes: int = 1,
) -> Iterator[Step]:
    """The steps of an epoch; they are equally long but for one video, so that none is too small.

    Parameters
    ----------
    order: videos, int64 (n,), in this epoch's order. first: number of the first step.
    samples: clips of each video; item k·n + v of the data set is the k-th clip of video v. A
        video's clips lie in the same step and, where it has others, not next to one another.
    together: clips that belong together, see `units`.
    """
    split = np.array_split(order, steps_of(len(order), samples, batch))
    for number, videos in enumerate(split, first):
        items = np.concatenate([videos + copy * len(order) for copy in range(samples)])
        own = _share(units(len(items), together), process, processes)
        yield Step(number, len(items), tuple(pieces(items.tolist(), own)))


def units(clips: int, together: int) -> list[range]:
    """Places in groups: pairs, of which the last may be one clip alone, or about `together`.

    Larger groups are equally large but for one clip: a batch norm takes its statistics over one,
    and a small rest would have others.
    """
    if together <= 2:
        return [range(start, min(start + together, clips)) for start in range(0, clips, together)]
    edges = np.linspace(0, clips, max(1, round(clips / together)) + 1).round().astype(int).tolist()
    return [range(start, stop) for start, stop in itertools.pairwise(edges)]


def pieces(items: Sequence[int], own: Sequence[range]) -> Iterator[Piece]:
    """The clips at the places of some units, one after the other, in pieces.

    items: of the whole step.
    """
    for part in _loaded(own):
        yield Piece(tuple(items[part[0].start : part[-1].stop]), tuple(part))


def _share(all_units: Sequence[range], process: int, processes: int) -> list[range]:
    """The units of one process: equally many but for one, next to one another."""
    numbers = np.array_split(np.arange(len(all_units)), processes)[process]
    return [all_units[number] for number in numbers]


def _loaded(own: Sequence[range]) -> Iterator[list[range]]:
    """Units one after the other that are loaded together."""
    part: list[range] = []
    for unit in own:
        if part and unit.stop - part[0].start > _MOST:
            yield part
            part = []
        part.append(unit)
    if part:
        yield part
