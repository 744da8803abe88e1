"""Two accuracies against each other: of two samples of videos, or of two models on the same videos.

Sources: Wilson 1927; Newcombe 1998 (interval of a difference, his method 10); Cochran 1954 (when
χ² holds); McNemar 1947, in its exact binomial form.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri
from scipy.stats import binomtest, fisher_exact

from signal_perception.statistics.clusters import summed
from signal_perception.statistics.intervals import Resamples, interval, score_interval

# Below this expected count of any of the four cells χ² is not trusted (Cochran's rule).
_SMALL = 5


@dataclass(frozen=True)
class Difference:
    """A share less another, between −1 and 1: with its interval and the two-sided p of none."""

    difference: float
    low: float
    high: float
    p: float


def wilson(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of k of n independent videos."""
    if not (0 <= k <= n and n > 0):
        raise ValueError(f"{k} of {n} videos is no share; give 0 ≤ k ≤ n and n > 0.")
    low, high = score_interval(k / n, ndtri((1 + level) / 2) ** 2 / n)
    return float(low), float(high)


def two_proportions(k1: float, n1: int, k2: float, n2: int, level: float = 0.95) -> Difference:
    """k1 of n1 less k2 of n2, of independent samples of independent videos.

    Newcombe's interval. p of χ² without continuity correction, or of Fisher's exact test where an
    expected count is below 5; the latter takes the nearest whole number of videos, for ties make a
    count a fraction.
    """
    first, second = k1 / n1, k2 / n2
    (low1, high1), (low2, high2) = wilson(k1, n1, level), wilson(k2, n2, level)
    difference = first - second
    return Difference(
        difference,
        difference - math.hypot(first - low1, high2 - second),
        difference + math.hypot(high1 - first, second - low2),
        _p_of_two(k1, n1, k2, n2),
    )


def discordant(first: NDArray, second: NDArray) -> tuple[float, float]:
    """Videos that the first alone has right, and that the second alone has.

    first, second: hits of each video, from 0 to 1. A tie counts by its share: of a video that one
    has right by half and the other in full, half is discordant.
    """
    ahead = np.asarray(first, np.float64) - second
    return float(np.maximum(ahead, 0).sum()), float(np.maximum(-ahead, 0).sum())


def mcnemar(b: float, c: float) -> float:
    """McNemar's exact two-sided p that b and c, the `discordant` videos, are as likely.

    It takes videos as independent. Of fractions the rarer is rounded up and the commoner down, so
    that no tie makes a difference surer. 1 where nothing is discordant.
    """
    # counts that a sum of shares misses by its last bits are whole
    rarer, commoner = sorted(round(count, 9) for count in (b, c))
    if rarer < 0:
        raise ValueError(f"{b} and {c} are to be numbers of videos; give none below 0.")
    rarer, commoner = math.ceil(rarer), math.floor(commoner)
    if rarer >= commoner:
        return 1.0
    return float(binomtest(rarer, rarer + commoner, 0.5).pvalue)


def paired_interval(
    differences: NDArray, resamples: Resamples, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the mean of paired differences (n,), each from −1 to 1, that come in clusters.

    That of `interval`. Where no video differs, it is what as many clusters can miss: ± the largest
    share of videos of which the effective number of clusters would show none (Clopper & Pearson).
    """
    if not np.any(differences):
        if resamples.n_clusters < 2:
            return math.nan, math.nan
        column = np.zeros((resamples.n_videos, 1))
        clusters = summed(column, resamples.cluster, resamples.n_clusters).effective
        missed = 1 - ((1 - level) / 2) ** (1 / clusters)
        return -missed, missed
    low, high = interval(differences, resamples, level)
    return float(low), float(high)


def _p_of_two(k1: float, n1: int, k2: float, n2: int) -> float:
    right, wrong = k1 + k2, n1 + n2 - k1 - k2
    if min(right, wrong) == 0:
        return 1.0
    if min(n1, n2) * min(right, wrong) / (n1 + n2) < _SMALL:
        whole = [round(k1), round(k2)]
        table = [whole, [n1 - whole[0], n2 - whole[1]]]
        # whose types do not say that it has a p
        exact: Any = fisher_exact(table)
        return float(exact.pvalue)
    square = (n1 + n2) * (k1 * (n2 - k2) - k2 * (n1 - k1)) ** 2 / (n1 * n2 * right * wrong)
    return float(chdtrc(1, square))
