"""Means of videos that come in clusters: their variance, degrees of freedom and studentised draws.

The mean of all videos is the ratio Σ sums / Σ sizes over clusters. Sources: Bell & McCaffrey 2002
and Pustejovsky & Tipton 2018 (unbiased variance, Satterthwaite's degrees of freedom); Efron &
Tibshirani 1993, chapter 12 (bootstrap-t).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# below this share of what it is compared with, a number is a rounding error
_TINY = 1e-12


@dataclass(frozen=True)
class Clusters:
    """Values of m columns summed over the videos of each cluster.

    sums: (clusters, m). sizes: videos of each cluster (clusters,). scale: largest |value| (m,).
    finite: whether every value of a column is a finite number (m,); sums are 0 where not.

    One cluster says nothing about others: its variance, degrees of freedom and error are NaN.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]
    scale: NDArray[np.float64]
    finite: NDArray[np.bool_]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of all videos that each cluster has (clusters,)."""
        return self.sizes / self.sizes.sum()

    @property
    def effective(self) -> float:
        """Effective number of clusters, 1 / Σ shares² (Kish): their number if equal in size."""
        return float(1 / (self.shares**2).sum())

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over videos (m,), NaN where a value is not finite."""
        return np.where(self.finite, self.sums.sum(axis=0) / self.sizes.sum(), np.nan)

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Sums less what they were if all videos had the mean: (clusters, m)."""
        return self.sums - self.sizes[:, None] * (self.sums.sum(axis=0) / self.sizes.sum())

    @property
    def variance(self) -> NDArray[np.float64]:
        """Variance of the mean (m,), unbiased where all cluster means vary alike."""
        means = self.residuals / self.sizes[:, None]
        return self.weights @ means**2

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each cluster's squared deviation in a variance of the mean (clusters,).

        A deviation has 1 − 2 share + Σ shares² times the variance of its cluster's mean.
        """
        shares = self.shares
        if len(shares) < 2:
            return np.full(1, np.nan)
        return shares**2 / (1 - 2 * shares + (shares**2).sum())

    @property
    def freedom(self) -> float:
        """Satterthwaite's degrees of freedom of `variance`: clusters − 1 if equal in size.

        The squared trace of the covariance of the weighted deviations, over the trace of its
        square; written out, since the matrix is (clusters, clusters).
        """
        shares, weights = self.shares, self.weights
        total = (shares**2).sum()
        zero, one, two = (weights @ shares**power for power in range(3))
        pairs = total**2 * zero**2 - 4 * total * zero * one + 2 * zero * two + 2 * one**2
        same = (weights**2 * (total - 2 * shares) ** 2).sum()
        return float(total**2 / (pairs - same + (shares**4).sum()))

    @property
    def error(self) -> NDArray[np.float64]:
        """Linearised standard error of the ratio Σ sums / Σ sizes (m,), 0 if a rounding error."""
        number = len(self.sizes)
        if number < 2:
            return np.full(len(self.scale), np.nan)
        squares = (self.residuals**2).sum(axis=0) * number / (number - 1)
        error = np.sqrt(squares) / self.sizes.sum()
        return np.where(error > _TINY * self.scale, error, 0)

    def studentised(self, counts: NDArray) -> NDArray[np.float64]:
        """t of each resample, (its mean − the mean) / its own linearised error: (draws, m).

        counts: how often each cluster is drawn (draws, clusters). A resample whose clusters all
        have one mean has no error: its t is 0 if that is the sample's mean, else ±∞.
        """
        counts = counts.astype(np.float64, copy=False)
        sizes = self.sizes.astype(np.float64)[:, None]
        residuals, number = self.residuals, len(self.sizes)
        videos = counts @ sizes
        shift = counts @ residuals / videos
        first = counts @ residuals**2
        squares = first - 2 * shift * (counts @ (residuals * sizes))
        squares += shift**2 * (counts @ sizes**2)
        none = squares <= _TINY * first
        error = np.sqrt(np.where(none, 1, squares) * number / (number - 1)) / videos
        moved = np.abs(shift) > _TINY * self.scale
        return np.where(none, np.where(moved, np.copysign(np.inf, shift), 0), shift / error)


def summed(values: NDArray, cluster: NDArray[np.int64], number: int) -> Clusters:
    """Clusters of values (n, m); `cluster` names that of each video, 0 … number − 1."""
    if len(values) != len(cluster):
        raise ValueError(
            f"{len(values)} videos have values, but {len(cluster)} are resampled; give one "
            "value for each of them."
        )
    finite = np.asarray(np.isfinite(values).all(axis=0))
    values = np.where(finite, values, 0).astype(np.float64)
    sums = np.zeros((number, values.shape[1]))
    np.add.at(sums, cluster, values)
    sizes = np.bincount(cluster, minlength=number)
    return Clusters(sums, sizes, np.abs(values).max(axis=0), finite)
