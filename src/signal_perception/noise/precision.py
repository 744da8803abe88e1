"""When a cell has been scored on enough videos: sizes of its parts, and when it stops.

The videos of a cell are drawn from all test videos by one seeded order, the same for every cell, so
that two cells share the videos of the shorter one.
"""

import math

import numpy as np
from numpy.typing import NDArray

from signal_perception.seeding import generator
from signal_perception.statistics.samples import margin_of_all

# Without a precision: what a kill costs, and what memory holds at once.
_FIXED = 1024
# With one: the first look, by how much all videos of a look outnumber those of the one before, and
# what their number is a multiple of, so that a CPU's batches are full.
_FIRST, _GROWTH, _WHOLE = 96, 1.25, 16
# Of a look's margin. A cell stops at the first look that lets it, which luck may do: so that the
# estimate is as near to all videos as asked in 95 %, each look must be surer: in simulations of
# cells of all sorts, 96 % reach 97 % at worst.
_LEVEL = 0.96


def order(videos: int, seed: int, precision: float | None) -> tuple[int, ...]:
    """In which order the videos are scored; as they are stored without a precision."""
    if precision is None:
        return tuple(range(videos))
    permutation = generator(seed, "noise", "precision", videos).permutation(videos)
    return tuple(map(int, permutation))


def parts(videos: int, precision: float | None) -> list[range]:
    """Positions in the order that are scored between two looks at a cell.

    All videos up to a look are 96, 128, 160, 208, …; too few for one of their own go with the last.
    """
    if precision is None:
        ends = list(range(_FIXED, videos, _FIXED))
    else:
        ends, end = [], _FIRST
        while end * _GROWTH**0.5 < videos:
            ends.append(end)
            end = math.ceil(end * _GROWTH / _WHOLE) * _WHOLE
    starts = [0, *ends]
    return [range(start, end) for start, end in zip(starts, [*ends, videos], strict=True)]


def settled(
    hits1: NDArray,
    hits5: NDArray,
    clean1: NDArray,
    clean5: NDArray,
    videos: NDArray | tuple[int, ...],
    precision: float,
) -> bool:
    """Whether a cell may stop: all videos would move top-1 and top-5 by no more than `precision`.

    hits: (repeats, m) from 0 to 1. clean: (N,) of all videos. videos: numbers of the m. precision:
    points.
    """
    chosen = np.asarray(videos, np.int64)
    margins = [
        margin_of_all(hits.mean(axis=0), clean[chosen], len(clean), _LEVEL)
        for hits, clean in ((hits1, clean1), (hits5, clean5))
    ]
    return 100 * max(margins) <= precision
