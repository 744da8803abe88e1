"""Is a paired difference more than chance, and are several of them at once?"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from signal_perception.statistics.clusters import Clusters
from signal_perception.statistics.intervals import (
    FEW_CLUSTERS,
    Hierarchy,
    Resamples,
    hierarchy,
    parts_of,
)

# below this share of the values, a number is a rounding error
_TINY = 1e-12
# how exactly a p of repeats is found
_NEAR = 1e-9


def p_value(values: NDArray, resamples: Resamples) -> NDArray[np.float64]:
    """Two-sided p of a mean of 0, from paired differences per video: (n …) → (…).

    The larger of two, as `interval` is the wider of two: the share of resamples whose |t| is at
    least the sample's, and Student's p. The latter alone with fewer than FEW_CLUSTERS clusters.
    A resample without an error counts as one with an infinite t. Where all clusters have the same
    difference, p is that of the sign test, or 1 if it is 0. The smallest p is 1 / (draws + 1). NaN
    where any video's difference is not finite, and with one cluster.
    """
    parts = [_p_values(clusters, resamples.counts) for clusters in parts_of(values, resamples)]
    return np.concatenate(parts).reshape(values.shape[1:])[()]


def hierarchical_p_value(values: NDArray, resamples: Resamples) -> float:
    """Two-sided p of a mean of 0, from paired differences of repeats and videos: (repeats, n) → p.

    It is below 1 − level exactly where `hierarchical_interval` of that level excludes 0, and no
    smaller than 1 / (draws + 1). Where neither clusters nor repeats differ, p is that of the sign
    test. NaN where any difference is not finite, and with one cluster.
    """
    return _p_of(hierarchy(values, resamples), len(resamples.counts))


def hierarchical_test(values: NDArray, resamples: Resamples) -> tuple[float, float, float]:
    """`hierarchical_interval` of 95 % and `hierarchical_p_value` at once: low, high, p."""
    found = hierarchy(values, resamples)
    below, above = found.margins(0.95)
    mean = found.mean.mean
    return float((mean - below)[0]), float((mean + above)[0]), _p_of(found, len(resamples.counts))


def holm(p: NDArray) -> NDArray[np.float64]:
    """Holm's step-down adjusted p of a family of comparisons: (m,) → (m,), never above 1.

    NaN stays NaN and is none of the family. Source: Holm 1979.
    """
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")
    order = order[~np.isnan(p[order])]
    left = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(left * p[order]), 1)
    return adjusted


def _p_of(found: Hierarchy, draws: int) -> float:
    smallest = 1 / (draws + 1)
    mean, number = float(found.mean.mean[0]), len(found.mean.sizes)
    if number < 2 or np.isnan(mean):
        return np.nan
    rounding = _TINY * found.mean.scale[0]
    if max(found.margins(0.95))[0] <= rounding:
        return max(0.5 ** (number - 1), smallest) if abs(mean) > rounding else 1.0
    # resamples have no quantile above the first of these levels, so it is asked before the second
    excluding = 0.0
    for level in (1 - 2 * smallest, 1 - smallest):
        if not _excludes_0(found, mean, level):
            return 1 - _crossing(found, mean, excluding, level)
        excluding = level
    return smallest


def _excludes_0(found: Hierarchy, mean: float, level: float) -> bool:
    below, above = found.margins(level)
    return bool(mean - below > 0 or mean + above < 0)


def _crossing(found: Hierarchy, mean: float, excluding: float, including: float) -> float:
    """The level between two at which the interval begins to include 0."""
    while including - excluding > _NEAR:
        middle = (excluding + including) / 2
        if _excludes_0(found, mean, middle):
            excluding = middle
        else:
            including = middle
    return including


def _p_values(clusters: Clusters, counts: NDArray) -> NDArray[np.float64]:
    number, mean = len(clusters.sizes), clusters.mean
    if number < 2:
        return np.full(len(mean), np.nan)
    error, flat = clusters.error, clusters.error == 0
    student = np.sqrt(np.where(flat, 1, clusters.variance))
    p = 2 * stdtr(clusters.freedom, -np.abs(mean) / student)
    if number >= FEW_CLUSTERS:
        t = np.abs(mean) / np.where(flat, 1, error)
        beyond = (np.abs(clusters.studentised(counts)) >= t).sum(axis=0)
        p = np.maximum(p, (beyond + 1) / (len(counts) + 1))
    sign_test = np.where(np.abs(mean) > _TINY * clusters.scale, 0.5 ** (number - 1), 1)
    p = np.maximum(np.where(flat, sign_test, p), 1 / (len(counts) + 1))
    return np.where(clusters.finite, p, np.nan)
