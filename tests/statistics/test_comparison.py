"""p of paired differences: right by chance as often as it says, and Holm's by hand."""

import numpy as np
import pytest
from scipy.special import stdtr

from signal_perception.statistics.comparison import hierarchical_p_value, holm, p_value
from signal_perception.statistics.intervals import hierarchical_interval, interval, resamples
from tests.statistics.simulated import DATA_SETS, EQUAL, UNEQUAL, clustered, groups


def _p(effects: np.ndarray, sizes: np.ndarray, shift: float = 0) -> np.ndarray:
    """p of data sets whose clusters have these effects (clusters, data sets)."""
    rng = np.random.default_rng(7)
    return p_value(clustered(rng, effects, sizes) + shift, resamples(groups(sizes), 0, 600))


@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_without_a_difference_p_is_small_as_rarely_as_it_says(sizes: np.ndarray):
    rng = np.random.default_rng(4)
    p = _p(rng.standard_normal((16, 4 * DATA_SETS)), sizes)
    assert 0.02 < (p <= 0.05).mean() <= 0.065
    # about uniform: never clearly more small values than there should be
    for level in (0.01, 0.1, 0.3, 0.5, 0.8):
        assert (p <= level).mean() <= level + 0.02
    assert p.mean() == pytest.approx(0.5, abs=0.04)


def test_skewed_differences_of_mean_0_are_not_taken_for_one():
    rng = np.random.default_rng(5)
    p = _p(rng.lognormal(0, 0.5, (16, 4 * DATA_SETS)) - np.exp(0.125), EQUAL)
    assert (p <= 0.05).mean() <= 0.065


def test_a_true_difference_is_found():
    rng = np.random.default_rng(6)
    effects = rng.standard_normal((16, DATA_SETS))
    weak, strong = ((_p(effects, EQUAL, shift) <= 0.05).mean() for shift in (0.5, 1.2))
    assert 0.3 < weak < 0.7
    assert strong > 0.97


def test_a_comparison_is_paired():
    """Two models that differ by little on every video, though videos differ by much."""
    rng = np.random.default_rng(0)
    drawn = resamples(np.arange(64) // 4, seed=0)
    first = 10 * rng.standard_normal(64)
    second = first + 0.3 + 0.2 * rng.standard_normal(64)
    assert p_value(second - first, drawn) < 0.01
    assert p_value(second - first.mean(), drawn) > 0.2


def test_p_and_the_interval_agree_and_the_sign_does_not_matter():
    differences = np.random.default_rng(0).standard_normal((64, 400)) + 0.2
    drawn = resamples(np.arange(64) // 2, seed=0)
    low, high = interval(differences, drawn)
    p = p_value(differences, drawn)
    assert np.array_equal(p, p_value(-differences, drawn))
    assert ((p <= 0.05) == ((low > 0) | (high < 0))).mean() > 0.96


def test_few_clusters_have_students_p():
    values = np.array([1.0, 2, 4])
    t = values.mean() / (values.std(ddof=1) / np.sqrt(3))
    assert p_value(values, resamples(range(3), seed=0)) == pytest.approx(2 * stdtr(2, -t))


def test_a_difference_in_one_cluster_may_be_chance():
    """The cluster is missing from every third resample, which then has no error."""
    values = np.zeros(16)
    values[3] = 1
    assert p_value(values, resamples(range(16), seed=0)) > 0.3


def test_differences_that_do_not_vary():
    values = np.tile([0.0, 0.1], (16, 1))
    none, same = p_value(values, resamples(range(16), seed=0))
    assert none == 1
    assert same == pytest.approx(1 / 2001)
    # four clusters agree by chance in 1 of 8 cases
    assert p_value(values, resamples(np.arange(16) // 4, seed=0)).tolist() == [1, 1 / 8]


def test_p_has_the_shape_of_its_columns_and_misses_what_is_missing():
    values = np.random.default_rng(0).standard_normal((32, 2, 3))
    drawn = resamples(np.arange(32) // 2, seed=0)
    p = p_value(values, drawn)
    values[0, 1, 2] = np.nan
    missing = p_value(values, drawn)
    assert np.argwhere(np.isnan(missing)).tolist() == [[1, 2]]
    assert missing[0] == pytest.approx(p[0])
    assert np.isnan(p_value(values[:, 0], resamples(["a"] * 32, seed=0))).all()


def _repeats(rng: np.random.Generator, repeats: int, spreads: tuple) -> np.ndarray:
    """Differences (repeats, videos of 16 clusters): spread of repeats, clusters, videos, both."""
    repeat, cluster, video, both = spreads
    return (
        repeat * rng.standard_normal((repeats, 1))
        + cluster * rng.standard_normal((1, 16))[:, groups(EQUAL)]
        + video * rng.standard_normal((1, 128))
        + both * rng.standard_normal((repeats, 128))
    )


SPREADS = [(0.4, 0.1, 0.5, 0.5), (0.4, 1, 0.5, 0.5), (0, 0.4, 0.5, 0.5), (0.1, 0.1, 0.1, 0.5)]


@pytest.mark.parametrize("repeats", [3, 5])
@pytest.mark.parametrize("spreads", SPREADS)
def test_repeats_without_a_difference_have_a_small_p_as_rarely_as_it_says(
    repeats: int, spreads: tuple
):
    rng, drawn = np.random.default_rng(8), resamples(groups(EQUAL), 0, 300)
    found = [_repeats(rng, repeats, spreads) for _ in range(400)]
    p = np.array([hierarchical_p_value(values, drawn) for values in found])
    assert (p < 0.05).mean() <= 0.065
    assert (p < 0.2).mean() <= 0.23


@pytest.mark.parametrize("repeats", [3, 5])
def test_hits_that_differ_by_chance_have_a_small_p_as_rarely_as_it_says(repeats: int):
    """Two cells of one strength, with luck of their own in every repeat."""
    rng, drawn, p = np.random.default_rng(9), resamples(groups(EQUAL), 0, 300), []
    for _ in range(400):
        skill = _repeats(rng, 1, (0, 0.4, 1, 0))
        first, second = (skill + _repeats(rng, repeats, (0.3, 0, 0, 0.7)) > 1 for _ in range(2))
        p.append(hierarchical_p_value(first.astype(float) - second, drawn))
    assert (np.array(p) < 0.05).mean() <= 0.065


def test_a_true_difference_of_repeats_is_found():
    rng, drawn = np.random.default_rng(10), resamples(groups(EQUAL), 0, 300)

    def found(shift: float, repeats: int) -> float:
        values = (_repeats(rng, repeats, (0.1, 0.3, 0.5, 0.5)) + shift for _ in range(100))
        return float(np.mean([hierarchical_p_value(each, drawn) < 0.05 for each in values]))

    weak, strong, with_5 = found(0.25, 3), found(0.6, 3), found(0.5, 5)
    assert 0.2 < weak < 0.7
    assert strong > 0.9
    assert with_5 > 0.9


def test_p_of_repeats_is_below_what_a_level_leaves_exactly_where_its_interval_excludes_0():
    rng, drawn = np.random.default_rng(11), resamples(groups(EQUAL), 0, 600)
    sides = []
    for _ in range(60):
        values = _repeats(rng, 3, (0.2, 0.2, 0.3, 0.5)) + 0.3 * rng.standard_normal()
        p = hierarchical_p_value(values, drawn)
        for level in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997):
            low, high = hierarchical_interval(values, drawn, level)
            sides.append(low > 0 or high < 0)
            assert sides[-1] == (p < 1 - level)
        assert hierarchical_p_value(-values, drawn) == pytest.approx(p)
    assert 0.2 < np.mean(sides) < 0.8


def test_the_smallest_p_of_repeats_is_that_of_the_draws():
    rng, drawn = np.random.default_rng(0), resamples(groups(EQUAL), 0, 600)
    values = 10 + 0.1 * _repeats(rng, 5, (0, 1, 1, 1))
    assert hierarchical_p_value(values, drawn) == 1 / 601


def test_p_of_repeats_that_do_not_differ():
    drawn = resamples(groups(EQUAL), 0)
    assert hierarchical_p_value(np.zeros((3, 128)), drawn) == 1
    assert hierarchical_p_value(np.full((3, 128), 0.1), drawn) == pytest.approx(1 / 2001)
    few = resamples(np.arange(128) // 32, 0)
    assert hierarchical_p_value(np.full((3, 128), 0.1), few) == 1 / 8
    # of videos that all agree, three repeats that do not
    values = np.array([[0.1], [0.2], [0.3]]) + np.zeros((3, 128))
    assert hierarchical_p_value(values, drawn) == pytest.approx(2 * stdtr(2, -np.sqrt(12)))


def test_p_of_repeats_is_missing_where_a_value_or_a_second_cluster_is():
    values = np.random.default_rng(0).standard_normal((3, 32))
    assert np.isnan(hierarchical_p_value(values, resamples(["a"] * 32, seed=0)))
    values[1, 2] = np.nan
    assert np.isnan(hierarchical_p_value(values, resamples(range(32), seed=0)))


def test_holm_by_hand():
    """In order: 4 × 0.005, 3 × 0.01, 2 × 0.03, then 0.04, which may not be below the one before."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1, 1]
    assert holm(np.array([0.2])).tolist() == [0.2]


def test_holm_leaves_missing_comparisons_out_of_the_family():
    adjusted = holm(np.array([np.nan, 0.01, np.nan, 0.04]))
    assert np.isnan(adjusted[[0, 2]]).all()
    assert adjusted[[1, 3]] == pytest.approx([0.02, 0.04])
    assert np.isnan(holm(np.full(2, np.nan))).all()
    assert holm(np.array([])).shape == (0,)
