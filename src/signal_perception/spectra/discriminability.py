"""How well a number per video tells classes apart: an F ratio, with an interval."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Ratio:
    """F of each column and its interval, all of one shape; NaN where there is none."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class _Sums:
    """Of some videos. counts: (… classes). sums: (… classes, m). squares: (… m)."""

    counts: NDArray
    sums: NDArray
    squares: NDArray


def ratio(
    values: NDArray,
    labels: Sequence[Hashable] | NDArray,
    clusters: NDArray,
    level: float = 0.95,
) -> Ratio:
    """F = variance between classes over variance within them: values (n …) → (…).

    F = [Σ_c n_c (m_c − m)² / (C − 1)] / [Σ_c Σ_v (x_v − m_c)² / (N − C)], of N videos in C classes.
    Where classes say nothing its expectation is (N − C) / (N − C − 2), near 1 whatever C; where
    they do it grows with the videos per class. Videos that share a source move the null value:
    below 1 where every source has all classes (what it adds is within classes alone), above 1 where
    a source has one class.

    The interval is a jackknife of ln F that leaves out one cluster at a time, with quantiles of
    Student's t. NaN for fewer than 2 classes, a class with fewer than 2 videos, or no variance
    within classes.

    Parameters
    ----------
    labels: class of each video (n). clusters: number of each video's cluster (n).
    """
    names, classes = np.unique(np.asarray(labels), return_inverse=True)
    shape = values.shape[1:]
    nothing = np.full(shape, np.nan)
    if len(names) < 2 or np.bincount(classes).min() < 2:
        return Ratio(nothing, nothing, nothing)
    # equal values are then exactly 0, and have exactly no variance
    centred = (values - values[0]).reshape(len(values), -1)
    all_videos, others = _sums(centred, classes, np.unique(clusters, return_inverse=True)[1])
    log = _log_ratio(all_videos)
    half = _half_width(_log_ratio(others), level)
    low, high = np.exp(log - half), np.exp(log + half)
    return Ratio(np.exp(log).reshape(shape), low.reshape(shape), high.reshape(shape))


def _sums(values: NDArray, classes: NDArray, clusters: NDArray) -> tuple[_Sums, _Sums]:
    """Sums over all videos, and over those outside each cluster (clusters …)."""
    m, shape = values.shape[1], (clusters.max() + 1, classes.max() + 1)
    counts, sums, squares = np.zeros(shape), np.zeros((*shape, m)), np.zeros((shape[0], m))
    np.add.at(counts, (clusters, classes), 1)
    np.add.at(sums, (clusters, classes), values)
    np.add.at(squares, clusters, values**2)
    whole = _Sums(counts.sum(axis=0), sums.sum(axis=0), squares.sum(axis=0))
    others = _Sums(whole.counts - counts, whole.sums - sums, whole.squares - squares)
    return whole, others


def _log_ratio(of: _Sums) -> NDArray[np.float64]:
    """ln F (… m), NaN where it is not finite."""
    present = of.counts > 0
    classes, videos = present.sum(axis=-1)[..., None], of.counts.sum(axis=-1)[..., None]
    by_class = (of.sums**2 / np.where(present, of.counts, 1)[..., None]).sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (by_class - of.sums.sum(axis=-2) ** 2 / videos) / (classes - 1)
        within = (of.squares - by_class) / (videos - classes)
        log = np.log(between / within)
    return np.where(np.isfinite(log), log, np.nan)


def _half_width(log: NDArray, level: float) -> NDArray[np.float64]:
    """Half the interval of ln F from its values (clusters, m) without each cluster."""
    clusters = len(log)
    if clusters < 2:
        return np.full(log.shape[1:], np.nan)
    spread = (clusters - 1) / clusters * ((log - log.mean(axis=0)) ** 2).sum(axis=0)
    return stats.t.ppf((1 + level) / 2, clusters - 1) * np.sqrt(spread)
