"""Place of the true class, and top-1 and top-5 accuracy with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_perception.statistics.intervals import Resamples, share_interval


@dataclass(frozen=True)
class Ranking:
    """Place of the true class among the scores of each video.

    better: classes with a higher score (n,). tied: other classes with the same score (n,).
    classes: how many there are. Of a video with a score that is not finite all classes are better
    and none is tied: it counts as wrong.
    """

    better: NDArray[np.int64]
    tied: NDArray[np.int64]
    classes: int

    @property
    def mean_rank(self) -> NDArray[np.float64]:
        """Mean place (n,) over all orders of the tied classes; 0 is best."""
        return self.better + self.tied / 2

    @property
    def not_finite(self) -> NDArray[np.bool_]:
        """Which videos have a score that is not finite (n,)."""
        return self.better == self.classes

    def hits(self, k: int) -> NDArray[np.float64]:
        """Chance that the true class is among the k best (n,): 1 or 0 where no tie decides."""
        # k classes or more would else let in what ranks after all of them
        k = min(k, self.classes)
        return np.clip((k - self.better) / (self.tied + 1), 0, 1)


def ranking(scores: NDArray, labels: NDArray) -> Ranking:
    """Place of the true class by the scores (n, classes) of each video."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    finite, classes = np.isfinite(scores).all(axis=1), scores.shape[1]
    better = np.where(finite, (scores > own).sum(axis=1), classes)
    tied = np.where(finite, (scores == own).sum(axis=1) - 1, 0)
    return Ranking(better, tied, classes)


def accuracy(ranking: Ranking, resamples: Resamples) -> dict[str, float | int]:
    """Top-1 and top-5 in percent, their intervals, and what they are made of.

    correct: videos, no whole number where a tie decides. low, high: 95 %, NaN with one cluster.
    tied, not_finite: videos with another class of the same score, with a score that is no number.
    """
    row: dict[str, float | int] = {"total": len(ranking.better)}
    for k in (1, 5):
        hits = ranking.hits(k)
        row |= {
            f"top{k}": 100 * float(hits.mean()),
            f"correct{k}": _count(hits),
            f"chance{k}": 100 * min(k, ranking.classes) / ranking.classes,
        }
        low, high = share_interval(hits, resamples)
        row |= {f"low{k}": 100 * float(low), f"high{k}": 100 * float(high)}
    return row | {
        "tied": int((ranking.tied > 0).sum()),
        "not_finite": int(ranking.not_finite.sum()),
    }


def _count(hits: NDArray) -> float | int:
    """How many videos are right, a whole number unless ties make it another."""
    total = float(hits.sum())
    return round(total) if abs(total - round(total)) < 1e-9 else total
