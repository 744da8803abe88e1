"""How far a model is as sure of its answers as it is right: the expected calibration error.

The confidence of a video is the highest probability of a class, and its hit is that of top-1. The
error is the mean over bins of equal width, by their videos, of |mean confidence − share of hits|.
Sampling noise alone makes it larger than 0, also for a model whose confidences are right: with 15
bins and 128 videos by some 0.07. The interval reaches down to 0 then. Source: Guo et al. 2017.

Two classes that share the best score have one confidence, and the video is half a hit where one of
them is the true one. Scores that are not finite are an answer of confidence 1 which is wrong.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from signal_perception.statistics.clusters import summed
from signal_perception.statistics.intervals import Resamples, share_interval

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Bins of confidence, (bins,) each; confidence and hits are means, NaN in an empty bin.

    low, high: edges; a bin has its upper one, the first one both. bin: of each video (n,).
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]
    confidence: NDArray[np.float64]
    hits: NDArray[np.float64]
    bin: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error, from 0 to 1."""
        gaps = np.where(self.n > 0, np.abs(self.confidence - self.hits), 0)
        return float((gaps * self.n).sum() / self.n.sum())


def confidence(probabilities: NDArray) -> NDArray[np.float64]:
    """The highest probability of each video: (n, classes) → (n,); 1 where one is not finite."""
    finite = np.asarray(np.isfinite(probabilities).all(axis=1, keepdims=True))
    return np.where(finite, probabilities, 1.0).max(axis=1)


def reliability(confidence: NDArray, hits: NDArray, bins: int = BINS) -> Reliability:
    """Bins of videos by confidence; hits from 0 to 1, see `Ranking.hits`."""
    edges = np.arange(bins + 1) / bins
    # an edge belongs to the bin below it
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    number = np.bincount(place, minlength=bins)

    def mean(values: NDArray) -> NDArray[np.float64]:
        total = np.bincount(place, weights=values, minlength=bins)
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    return Reliability(edges[:-1], edges[1:], number, mean(confidence), mean(hits), place)


def error_interval(
    confidence: NDArray,
    hits: NDArray,
    resamples: Resamples,
    level: float = 0.95,
    bins: int = BINS,
) -> tuple[float, float]:
    """Interval of the expected calibration error of these bins: low, high from 0 to 1.

    The error is the length (sum of absolute values) of the vector of the bins' gaps. It lies no
    farther from the true one than the vectors lie apart, and how far that is the bootstrap over
    clusters tells, widened as Student's quantile is for few clusters. So the interval holds the
    truth at least as often as it says, also where that is 0, which quantiles of resampled errors
    never reach. It is at least as wide as that of top-1. NaN with one cluster.
    """
    number = resamples.n_clusters
    if number < 2:
        return math.nan, math.nan
    found = reliability(confidence, hits, bins)
    gaps = (confidence - hits)[:, None] * (found.bin[:, None] == np.arange(bins))
    clusters = summed(gaps, resamples.cluster, number)
    counts = resamples.counts.astype(np.float64)
    drawn = (counts @ clusters.sums) / (counts @ clusters.sizes)[:, None]
    apart = np.abs(drawn - gaps.mean(axis=0)).sum(axis=1)
    student = stdtrit(number - 1, (1 + level) / 2) / ndtri((1 + level) / 2)
    few = student * math.sqrt(number / (number - 1))
    low, high = share_interval(hits, resamples, level)
    accuracy = max(hits.mean() - low, high - hits.mean())
    margin = max(few * float(np.quantile(apart, level, method="higher")), float(accuracy))
    return max(found.error - margin, 0.0), min(found.error + margin, 1.0)
