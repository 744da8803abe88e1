"""How alike two sets of features of the same videos are: linear CKA without bias.

CKA = HSIC(x, y) / √(HSIC(x, x) HSIC(y, y)), with the unbiased estimator HSIC₁ of Song et al. (2012):
the usual one grows with the number of channels over that of videos and comes near 1 for any two wide
layers (Kornblith et al. 2019 define CKA; Nguyen et al. 2021 use HSIC₁). It lies between −1 and 1, is 0
on average where features have nothing in common, and does not change when features are rotated,
shifted or scaled by one number.

With K = x xᵀ, L = y yᵀ and sums over i ≠ j alone:

    HSIC₁ = [Σ K_ij L_ij + ΣK ΣL / ((n−1)(n−2)) − 2 Σ_i (ΣK)_i (ΣL)_i / (n−2)] / (n (n−3))

Everything is computed from x and y, without the n × n matrices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

# HSIC₁ divides by n − 3
FEWEST = 4
# A permutation test at 5 %: the largest of so many, and the value itself.
_SHUFFLES = 19
# clusters that are left out at once, which limits memory
_COLUMNS = 256
# a correlation of exactly 1 would have an infinite z
_MOST = 1 - 1e-12


@dataclass(frozen=True)
class Similarity:
    """CKA and its interval; shuffled: the largest CKA of 19 orders of the videos of one side.

    NaN where there is none: too few videos, or features that are the same for all.
    """

    value: float
    low: float
    high: float
    shuffled: float


def similarity(
    x: NDArray,
    y: NDArray,
    clusters: NDArray[np.int64],
    rng: np.random.Generator,
    level: float = 0.95,
) -> Similarity:
    """CKA of features (n, p) and (n, q) of the same videos.

    The interval is a jackknife of artanh CKA that leaves out one cluster at a time, with quantiles
    of Student's t. (A bootstrap draws videos twice; two copies are perfectly alike, which moves
    CKA.)

    Parameters
    ----------
    clusters: number of each video's cluster, 0 … G − 1 (n). rng: draws the orders.
    """
    sides = tuple(_Side.of(each) for each in (x, y))
    pairs = [_Pair(*sides), _Pair(sides[0], sides[0]), _Pair(sides[1], sides[1])]
    value = float(_ratio(*(pair.whole for pair in pairs)))
    if np.isnan(value):
        return Similarity(*[np.nan] * 4)
    members = [np.flatnonzero(clusters == number) for number in range(clusters.max() + 1)]
    low, high = _interval(value, _ratio(*(pair.without(members) for pair in pairs)), level)
    orders = (rng.permutation(len(x)) for _ in range(_SHUFFLES))
    shuffled = [_Pair(sides[0].ordered(order), sides[1]).whole for order in orders]
    most = max(float(_ratio(each, pairs[1].whole, pairs[2].whole)) for each in shuffled)
    return Similarity(value, low, high, most)


def cka(x: NDArray, y: NDArray) -> float:
    """CKA alone; NaN where there is none."""
    one, other = _Side.of(x), _Side.of(y)
    pairs = (_Pair(one, other), _Pair(one, one), _Pair(other, other))
    return float(_ratio(*(pair.whole for pair in pairs)))


@dataclass(frozen=True)
class _Side:
    """Centred features x (n, p), |x_i|² and Σ_{j≠i} x_i·x_j of each video (n,)."""

    x: NDArray[np.float64]
    squares: NDArray[np.float64]
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray) -> "_Side":
        # neither changes CKA; both keep digits
        x = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
        scale = np.sqrt((x**2).mean())
        x = x / scale if scale > 0 else x
        squares = (x**2).sum(axis=1)
        return cls(x, squares, x @ x.sum(axis=0) - squares)

    def ordered(self, order: NDArray[np.int64]) -> "_Side":
        return _Side(self.x[order], self.squares[order], self.sums[order])


@dataclass(frozen=True)
class _Pair:
    """Two sides of the same videos."""

    one: _Side
    other: _Side

    @property
    def whole(self) -> NDArray[np.float64]:
        """HSIC₁ of all videos."""
        one, other = self.one, self.other
        products = ((one.x.T @ other.x) ** 2).sum() - one.squares @ other.squares
        sums = one.sums @ other.sums
        return _hsic(len(one.x), products, one.sums.sum(), other.sums.sum(), sums)

    def without(self, members: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        """HSIC₁ of the videos outside each cluster (clusters,)."""
        one, other = self.one, self.other
        cross = one.x.T @ other.x
        # Σ_{j≠i} K_ij L_ij of each video
        products = ((one.x @ cross) * other.x).sum(axis=1) - one.squares * other.squares
        parts = [
            self._without(members[start : start + _COLUMNS], products)
            for start in range(0, len(members), _COLUMNS)
        ]
        return np.concatenate(parts)

    def _without(
        self, members: list[NDArray[np.int64]], products: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        one, other = self.one, self.other
        # what is left of Σ_{j≠i} of each video without each cluster: (n, clusters)
        left = [
            side.sums[:, None] - side.x @ np.stack([side.x[m].sum(axis=0) for m in members], axis=1)
            for side in (one, other)
        ]
        found = []
        for place, inside in enumerate(members):
            kernels = [side.x[inside] @ side.x[inside].T for side in (one, other)]
            both = (kernels[0] * kernels[1]).sum() - (one.squares * other.squares)[inside].sum()
            rest = [np.delete(each[:, place], inside) for each in left]
            found.append(
                _hsic(
                    len(one.x) - len(inside),
                    products.sum() - 2 * products[inside].sum() + both,
                    rest[0].sum(),
                    rest[1].sum(),
                    rest[0] @ rest[1],
                )
            )
        return np.array(found)


def _hsic(
    n: int, products: NDArray, one: NDArray, other: NDArray, sums: NDArray
) -> NDArray[np.float64]:
    """HSIC₁ from Σ K_ij L_ij, ΣK, ΣL and Σ_i (ΣK)_i (ΣL)_i over i ≠ j; NaN for too few videos."""
    if n < FEWEST:
        return np.full(np.shape(products), np.nan)
    rest = one * other / ((n - 1) * (n - 2)) - 2 * sums / (n - 2)
    return np.asarray((products + rest) / (n * (n - 3)))


def _ratio(both: NDArray, one: NDArray, other: NDArray) -> NDArray[np.float64]:
    known = (one > 0) & (other > 0)
    found = both / np.sqrt(np.where(known, one * other, 1))
    return np.where(known, np.clip(found, -1, 1), np.nan)


def _interval(value: float, others: NDArray, level: float) -> tuple[float, float]:
    """Interval of CKA from its values (clusters,) without each cluster; NaN where one is."""
    clusters = len(others)
    if clusters < 2:
        return np.nan, np.nan
    z = np.arctanh(np.clip(others, -_MOST, _MOST))
    spread = (clusters - 1) / clusters * ((z - z.mean()) ** 2).sum()
    half = stdtrit(clusters - 1, (1 + level) / 2) * np.sqrt(spread)
    middle = np.arctanh(np.clip(value, -_MOST, _MOST))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))
