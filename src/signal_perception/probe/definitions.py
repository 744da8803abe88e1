"""How alike two sets of features of the same videos are: linear CKA without bias.

CKA = HSIC(x, y) / √(HSIC(x, x) HSIC(y, y)). The usual estimator grows with the number of channels
over that of videos and comes near 1 for any two wide layers, so HSIC is the unbiased one of Song et
al. (2012): with K = x xᵀ and L = y yᵀ, means over videos i, j, k, l that all differ,

    HSIC₁ = mean K_ij L_ij − 2 mean K_ij L_ik + mean K_ij L_kl.

Videos of one source are alike in any features, which is no likeness of the features. So i, j, k, l
are of four sources: that is the same where every video is a source of its own. CKA lies between −1
and 1, is 0 on average where features have nothing in common, and stays when features are rotated,
shifted or scaled by one number. Sources: Kornblith et al. 2019 (CKA), Nguyen et al. 2021 (HSIC₁ in
it). Everything is computed from x, y and their sums over sources, without n × n matrices.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

# i, j, k and l are of as many sources.
FEWEST_CLUSTERS = 4
# A permutation test at 5 %: the largest of so many, and the value itself.
_SHUFFLES = 19
# a correlation of exactly 1 would have an infinite z
_MOST = 1 - 1e-12


@dataclass(frozen=True)
class Similarity:
    """CKA and its interval; shuffled: the largest CKA of 19 orders of the videos of one side.

    NaN where there is none.
    """

    value: float
    low: float
    high: float
    shuffled: float

    @property
    def numbers(self) -> NDArray[np.float64]:
        """All four, in the order of the fields."""
        return np.array([self.value, self.low, self.high, self.shuffled])


def similarity(
    x: NDArray,
    y: NDArray,
    clusters: NDArray,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Similarity:
    """CKA of features (n, p) and (n, q) of the same videos.

    The interval is a jackknife of artanh CKA that leaves out one source at a time, with quantiles
    of Student's t. (A bootstrap draws videos twice, and two copies are perfectly alike.) With fewer
    than five sources there is no interval; with fewer than four, videos of one source count as if
    they were of several. NaN where the features of all videos are the same.

    Parameters
    ----------
    clusters: each video's source (n). rng: draws the orders.
    """
    number = np.unique(clusters, return_inverse=True)[1]
    few = number.max() + 1 < FEWEST_CLUSTERS
    if few:
        number = np.arange(len(x))
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    x, y, ones = _centred(x[order]), _centred(y[order]), np.ones((len(x), 1))
    # of kernels that are 1 everywhere the sums are the numbers of terms
    terms = _sums(ones, ones, starts)
    both, one, other = (_hsic(_sums(a, b, starts), terms) for a, b in ((x, y), (x, x), (y, y)))
    value, *without = _ratio(both, one, other)
    low, high = _interval(value, np.array(without), level)
    orders = (rng.permutation(len(x)) for _ in range(_SHUFFLES))
    others = np.array([_hsic(_sums(x[each], y, starts), terms)[0] for each in orders])
    most = float(_ratio(others, one[0], other[0]).max())
    return Similarity(value, *((np.nan, np.nan) if few else (low, high)), most)


class _Sums(NamedTuple):
    """Σ K_ij L_ij, Σ K_ij L_ik and Σ K_ij L_kl over videos of different sources.

    Each (1 + clusters,): of all videos, then of those outside each source.
    """

    two: NDArray[np.float64]
    three: NDArray[np.float64]
    four: NDArray[np.float64]


def _ratio(both: NDArray, one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """CKA from three HSIC₁."""
    known = (one > 0) & (other > 0)
    found = both / np.sqrt(np.where(known, one * other, 1))
    return np.where(known, np.clip(found, -1, 1), np.nan)


def _centred(values: NDArray) -> NDArray[np.float64]:
    """Features without their mean, at one scale: neither changes CKA, and both keep digits."""
    x = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    scale = np.sqrt((x**2).mean())
    return x / scale if scale > 0 else x


def _hsic(sums: _Sums, terms: _Sums) -> NDArray[np.float64]:
    """HSIC₁ from sums and their numbers of terms, NaN where there is no term."""
    known = terms.four > 0
    two, three, four = (
        each / np.where(known, number, 1) for each, number in zip(sums, terms, strict=True)
    )
    return np.where(known, two - 2 * three + four, np.nan)


def _sums(x: NDArray, y: NDArray, starts: NDArray[np.int64]) -> _Sums:
    """The sums for x (n, p) and y (n, q) whose videos are in the order of their clusters.

    starts: first video of each cluster. Sums over four sources are those over all pairs less what
    two pairs have in common.
    """

    def summed(values: NDArray) -> NDArray:
        return np.add.reduceat(values, starts, axis=0)

    s, t = summed(x), summed(y)
    cross, of_sums = x.T @ y, s.T @ t
    cluster = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x))))
    # of each video: Σ_j K_ij over its own source and over the others, the same of L
    own_k, own_l = (x * s[cluster]).sum(axis=1), (y * t[cluster]).sum(axis=1)
    far_k, far_l = x @ s.sum(axis=0) - own_k, y @ t.sum(axis=0) - own_l

    products = ((x @ cross) * y).sum(axis=1)
    # Σ K_ij L_ij within a source, i = j too
    inside = summed((x**2).sum(axis=1) * (y**2).sum(axis=1))
    for each in np.flatnonzero(np.bincount(cluster) > 1):
        one, other = x[cluster == each], y[cluster == each]
        inside[each] = ((one @ one.T) * (other @ other.T)).sum()
    two = products.sum() - inside.sum()
    two_without = two - 2 * (summed(products) - inside)

    # of each video: Σ K_ij L_ik over j and k of two other sources
    fans = far_k * far_l - ((x @ of_sums) * y).sum(axis=1) + own_k * own_l
    # Σ_i K_ig L_ig and so on over all videos, then what is of source g itself
    reach = 2 * ((s @ cross) * t).sum(axis=1) - t @ (y.T @ far_k) - s @ (x.T @ far_l)
    reach -= summed(2 * own_k * own_l - far_k * own_l - far_l * own_k)
    three = fans.sum()
    three_without = three - summed(fans) + reach

    # between sources: M = s sᵀ and N = t tᵀ without their diagonals, by their row sums
    square_s, square_t = (s**2).sum(axis=1), (t**2).sum(axis=1)
    m, n = s @ s.sum(axis=0) - square_s, t @ t.sum(axis=0) - square_t
    of_pairs = ((s @ of_sums) * t).sum(axis=1) - square_s * square_t
    rows = (
        m @ n - m * n - (t @ (t.T @ m) - m * square_t) - (s @ (s.T @ n) - n * square_s) + of_pairs
    )
    four = m.sum() * n.sum() - 4 * (m @ n) + 2 * of_pairs.sum()
    four_without = (m.sum() - 2 * m) * (n.sum() - 2 * n) - 4 * rows
    four_without += 2 * (of_pairs.sum() - 2 * of_pairs)
    pairs = ((two, two_without), (three, three_without), (four, four_without))
    return _Sums(*(np.concatenate([[whole], without]) for whole, without in pairs))


def _interval(value: float, others: NDArray, level: float) -> tuple[float, float]:
    """Interval of CKA from its values (clusters,) without each cluster; NaN where one is."""
    clusters = len(others)
    if clusters < 2 or np.isnan(others).any():
        return np.nan, np.nan
    z = np.arctanh(np.clip(others, -_MOST, _MOST))
    spread = (clusters - 1) / clusters * ((z - z.mean()) ** 2).sum()
    half = stdtrit(clusters - 1, (1 + level) / 2) * np.sqrt(spread)
    middle = np.arctanh(np.clip(value, -_MOST, _MOST))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))
