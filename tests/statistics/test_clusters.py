"""Variance, degrees of freedom and t of clusters, against their definitions written out."""

import numpy as np
import pytest

from signal_perception.statistics.clusters import Clusters, summed

SIZES = np.array([1, 2, 5, 3, 9, 4])


def _clusters(seed: int = 0, sizes: np.ndarray = SIZES) -> Clusters:
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    return summed(rng.standard_normal((len(cluster), 2)) + 3, cluster, len(sizes))


def _quadratic_form(sizes: np.ndarray) -> np.ndarray:
    """Matrix Q with variance = meansᵀ Q means."""
    shares = sizes / sizes.sum()
    deviation = np.eye(len(sizes)) - shares
    weights = shares**2 / (deviation**2).sum(axis=1)
    return deviation.T @ (weights[:, None] * deviation)


def test_equal_clusters_have_the_textbook_variance():
    clusters = _clusters(sizes=np.full(10, 4))
    means = clusters.sums / 4
    assert clusters.variance == pytest.approx(means.var(axis=0, ddof=1) / 10)
    assert clusters.error**2 == pytest.approx(means.var(axis=0, ddof=1) / 10)
    assert clusters.freedom == pytest.approx(9)
    assert clusters.effective == pytest.approx(10)


def test_unequal_clusters_have_an_unbiased_variance_and_satterthwaites_freedom():
    """With cluster means of variance 1, E[meansᵀ Q means] = trace Q and its spread trace QQ."""
    clusters, form = _clusters(), _quadratic_form(SIZES)
    means = clusters.sums / SIZES[:, None]
    assert clusters.variance == pytest.approx(np.diag(means.T @ form @ means))
    shares = SIZES / SIZES.sum()
    assert np.trace(form) == pytest.approx((shares**2).sum())
    assert clusters.freedom == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form))
    assert clusters.freedom < len(SIZES) - 1


def test_t_of_a_resample_is_that_of_its_clusters_copied_out():
    clusters = _clusters()
    counts = np.random.default_rng(1).multinomial(6, np.full(6, 1 / 6), 50)
    t = clusters.studentised(counts)
    for row, times in zip(t, counts):
        picked = np.repeat(np.arange(6), times)
        copy = Clusters(clusters.sums[picked], SIZES[picked], clusters.scale, clusters.finite)
        if (times > 0).sum() > 1:
            assert row == pytest.approx((copy.mean - clusters.mean) / copy.error)


def test_t_without_an_error_is_0_or_infinite():
    sizes = np.array([2, 2, 2])
    sums = np.array([[0.2, 0.2, 0.2], [0.2, 0.4, 0.2], [0.2, 0.6, 0.8]])
    clusters = Clusters(sums, sizes, np.full(3, 0.4), np.full(3, True))
    counts = np.array([[3, 0, 0], [0, 3, 0], [0, 0, 3]])
    infinite = [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, np.inf, np.inf]]
    assert np.array_equal(clusters.studentised(counts), infinite)


def test_rounding_errors_are_not_a_spread():
    cluster = np.repeat(np.arange(6), SIZES)
    assert summed(np.full((24, 1), 0.1), cluster, 6).error.tolist() == [0]


def test_one_cluster_says_nothing_about_others():
    clusters = summed(np.arange(3.0)[:, None], np.zeros(3, np.int64), 1)
    assert clusters.mean.tolist() == [1]
    assert np.isnan([clusters.variance[0], clusters.freedom, clusters.error[0]]).all()
