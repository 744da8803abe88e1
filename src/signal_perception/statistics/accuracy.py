"""Rank of the true class, and top-1 and top-5 accuracy with intervals."""

import numpy as np
from numpy.typing import NDArray

from signal_perception.statistics.intervals import Resamples, share_interval


def rank(scores: NDArray, labels: NDArray) -> NDArray[np.int64]:
    """Place of the true class (0 is best) among the scores (n, classes) of each video.

    Equal scores are ranked by class number. A video with a score that is not finite counts as
    wrong: it ranks after every class.
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1])[None] < labels[:, None]
    place = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return np.where(np.isfinite(scores).all(axis=1), place, scores.shape[1])


def accuracy(ranks: NDArray, classes: int, resamples: Resamples) -> dict[str, float | int]:
    """Top-1 and top-5 in percent from the rank of the true class of each video.

    With correct, total, chance and the 95 % interval of each, which is NaN with one cluster.
    """
    row: dict[str, float | int] = {"total": len(ranks)}
    for k in (1, 5):
        hits = (ranks < k).astype(np.float64)
        row |= {
            f"top{k}": 100 * float(hits.mean()),
            f"correct{k}": int(hits.sum()),
            f"chance{k}": 100 * min(k, classes) / classes,
        }
        low, high = share_interval(hits, resamples)
        row |= {f"low{k}": 100 * float(low), f"high{k}": 100 * float(high)}
    return row
