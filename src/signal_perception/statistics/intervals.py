"""Confidence intervals: a percentile bootstrap over clusters of videos that share a source.

Videos cut from one film are not independent, so whole clusters are drawn with replacement. The
draws depend on the seed and on the number of clusters only: every tap, model and cell measured on
the same videos is resampled alike, which pairs them. So `interval` of the differences per video is
the paired interval.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_perception.seeding import generator


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of n videos.

    cluster: of each video (n,). counts: how often each cluster is drawn (draws, clusters). seed:
    what further draws derive from.
    """

    cluster: NDArray[np.int64]
    counts: NDArray[np.int64]
    seed: int

    @property
    def n_videos(self) -> int:
        return len(self.cluster)

    @property
    def n_clusters(self) -> int:
        return self.counts.shape[1]


def resamples(groups: Sequence[Hashable] | NDArray, seed: int, draws: int = 2000) -> Resamples:
    """Resamples of videos whose clusters are named by `groups`, one name per video.

    Clusters are numbered in the order of their names.
    """
    if not len(groups):
        raise ValueError("There is no video to resample.")
    names = sorted(set(groups), key=str)
    number = {name: i for i, name in enumerate(names)}
    cluster = np.array([number[group] for group in groups], np.int64)
    return Resamples(cluster, _counts(seed, "clusters", len(names), draws), seed)


def interval(values: NDArray, resamples: Resamples, level: float = 0.95) -> tuple[NDArray, NDArray]:
    """Percentile interval of the mean over videos: values (n …) → low (…), high (…).

    NaN where any video's value is NaN.
    """
    sums = _cluster_sums(values.reshape(len(values), -1), resamples)
    statistics = resamples.counts @ sums / _sizes(resamples)[:, None]
    low, high = np.percentile(statistics, _tails(level), axis=0)
    return low.reshape(values.shape[1:])[()], high.reshape(values.shape[1:])[()]


def hierarchical_interval(
    values: NDArray, resamples: Resamples, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean over repeats and videos: values (repeats, n) → low, high.

    Each draw picks repeats with replacement, then one set of clusters for all of them: the same
    videos are scored in every repeat, so their luck is shared and must not be averaged away.
    """
    repeats, draws = len(values), len(resamples.counts)
    # (repeats, clusters)
    sums = _cluster_sums(np.ascontiguousarray(values.T), resamples).T
    # (draws, clusters)
    picked = _counts(resamples.seed, "repeats", repeats, draws) @ sums
    statistics = (picked * resamples.counts).sum(axis=1) / (repeats * _sizes(resamples))
    low, high = np.percentile(statistics, _tails(level))
    return float(low), float(high)


def _counts(seed: int, what: str, size: int, draws: int) -> NDArray[np.int64]:
    """How often each of `size` things is drawn, in `draws` draws of `size`: (draws, size)."""
    return generator(seed, "bootstrap", what, size).multinomial(
        size, np.full(size, 1 / size), draws
    )


def _cluster_sums(values: NDArray, resamples: Resamples) -> NDArray[np.float64]:
    """Sums of values (n, m) over the videos of each cluster: (clusters, m)."""
    if len(values) != resamples.n_videos:
        raise ValueError(
            f"{len(values)} videos have values, but {resamples.n_videos} are resampled; give one "
            "value for each of them."
        )
    sums = np.zeros((resamples.n_clusters, values.shape[1]))
    np.add.at(sums, resamples.cluster, values)
    return sums


def _sizes(resamples: Resamples) -> NDArray[np.int64]:
    """Number of videos in each resample (draws,)."""
    return resamples.counts @ np.bincount(resamples.cluster, minlength=resamples.n_clusters)


def _tails(level: float) -> tuple[float, float]:
    """The two percentiles between which a share `level` lies."""
    if not 0 < level < 1:
        raise ValueError(f"A confidence level lies between 0 and 1, not at {level}.")
    return 50 * (1 - level), 50 * (1 + level)
