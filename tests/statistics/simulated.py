"""Data sets with a known truth, to count how often an interval holds it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from signal_perception.statistics.intervals import Resamples, resamples

DATA_SETS, DRAWS = 1000, 600
# what a 95 % interval must reach
NOMINAL = 0.93

EQUAL = np.full(16, 8)
UNEQUAL = np.round(np.exp(np.linspace(np.log(3), np.log(16), 16))).astype(int)


def clustered(rng: np.random.Generator, effects: NDArray, sizes: NDArray) -> NDArray:
    """Values of videos (videos, data sets): that of the cluster and half as much of their own."""
    cluster = groups(sizes)
    return effects[cluster] + 0.5 * rng.standard_normal((len(cluster), effects.shape[1]))


def groups(sizes: NDArray) -> NDArray:
    """Cluster of each video."""
    return np.repeat(np.arange(len(sizes)), sizes)


def alike_hits(rng: np.random.Generator, sizes: NDArray, share: float, alike: float) -> NDArray:
    """Hits (videos, data sets): any two of a cluster have the correlation `alike` (beta-binomial).

    alike = 0: all are independent.
    """
    shape = (len(sizes), DATA_SETS)
    chance = np.full(shape, share)
    if alike:
        both = (1 - alike) / alike
        chance = rng.beta(both * share, both * (1 - share), shape)
    return (rng.random((sizes.sum(), DATA_SETS)) < chance[groups(sizes)]).astype(float)


def coverage(method: Callable, draw: Callable[[], NDArray], sizes: NDArray, truth: float) -> float:
    """Share of intervals that hold the truth: data sets are columns, with four sets of draws."""
    held = []
    for seed in range(4):
        low, high = method(draw(), resamples(groups(sizes), seed, DRAWS))
        held.append((low <= truth) & (truth <= high))
    return float(np.mean(held))


def percentile(values: NDArray, drawn: Resamples) -> NDArray:
    """The percentile bootstrap of the mean over videos, which is too short."""
    means = np.array([values[drawn.cluster == i].sum(axis=0) for i in range(drawn.n_clusters)])
    videos = drawn.counts @ np.bincount(drawn.cluster)
    return np.percentile(drawn.counts @ means / videos[:, None], [2.5, 97.5], axis=0)


def percentile_of_repeats(values: NDArray, drawn: Resamples) -> NDArray:
    """The percentile bootstrap of values (repeats, videos): repeats and clusters are drawn."""
    repeats, draws = len(values), len(drawn.counts)
    counts = np.random.default_rng(0).multinomial(repeats, np.full(repeats, 1 / repeats), draws)
    sums = np.array([values[:, drawn.cluster == i].sum(axis=1) for i in range(drawn.n_clusters)])
    videos = drawn.counts @ np.bincount(drawn.cluster)
    means = ((counts @ sums.T) * drawn.counts).sum(axis=1) / (repeats * videos)
    return np.percentile(means, [2.5, 97.5])
