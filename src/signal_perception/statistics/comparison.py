"""Is a paired difference more than chance, and are several of them at once?"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from signal_perception.statistics.clusters import Clusters
from signal_perception.statistics.intervals import FEW_CLUSTERS, Resamples, parts_of


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
    sign_test = np.where(np.abs(mean) > 1e-12 * clusters.scale, 0.5 ** (number - 1), 1)
    p = np.maximum(np.where(flat, sign_test, p), 1 / (len(counts) + 1))
    return np.where(clusters.finite, p, np.nan)
