"""Intervals against those known by other means; `test_coverage` simulates how often they hold."""

import numpy as np
import pytest
from scipy.special import stdtrit

from signal_perception.statistics.intervals import (
    hierarchical_interval,
    interval,
    resamples,
    share_interval,
)
from tests.statistics.simulated import (
    EQUAL,
    groups,
)


def _wilson(right: float, total: float, quantile: float) -> tuple[float, float]:
    share, square = right / total, quantile**2 / total
    half = np.sqrt(square * (share * (1 - share) + square / 4))
    return (share + square / 2 - half) / (1 + square), (share + square / 2 + half) / (1 + square)


def test_same_clusters_are_resampled_alike_and_the_seed_matters():
    names = ["b", "a", "b", "c"]
    first, again = (resamples(names, seed=3) for _ in range(2))
    assert first.counts.shape == (2000, 3)
    assert np.array_equal(first.counts, again.counts)
    assert np.array_equal(first.cluster, [1, 0, 1, 2])
    assert (first.n_videos, first.n_clusters) == (4, 3)
    assert np.all(first.counts.sum(axis=1) == 3)
    assert not np.array_equal(first.counts, resamples(names, seed=4).counts)


def test_same_seed_same_interval():
    values = np.random.default_rng(0).standard_normal((48, 5)) ** 2
    one, again, other = (
        interval(values, resamples(np.arange(48) // 3, seed)) for seed in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_order_of_videos_does_not_matter():
    rng = np.random.default_rng(0)
    names, values = rng.integers(0, 20, 100), rng.standard_normal(100)
    shuffle = rng.permutation(100)
    one = interval(values, resamples(names, seed=0))
    other = interval(values[shuffle], resamples(names[shuffle], seed=0))
    assert one == pytest.approx(other, abs=1e-12)


def test_a_column_has_the_same_interval_alone_and_among_many():
    values = np.random.default_rng(0).standard_normal((40, 2, 150))
    drawn = resamples(np.arange(40) // 2, seed=0, draws=200)
    low, high = interval(values, drawn)
    assert low.shape == high.shape == (2, 150)
    alone = interval(values[:, 1, 149], drawn)
    assert (low[1, 149], high[1, 149]) == pytest.approx(alone, abs=1e-12)


def test_independent_videos_have_the_interval_of_the_normal_law():
    values = np.random.default_rng(0).standard_normal((400, 3)) * [1, 2, 3] + [0, 5, 10]
    low, high = interval(values, resamples(range(400), seed=0))
    error = values.std(axis=0) / np.sqrt(400)
    assert low == pytest.approx(values.mean(axis=0) - 1.96 * error, abs=0.03)
    assert high == pytest.approx(values.mean(axis=0) + 1.96 * error, abs=0.03)


def test_an_interval_moves_and_grows_with_its_values():
    values = np.random.default_rng(0).standard_exponential(60)
    drawn = resamples(np.arange(60) // 3, seed=0)
    low, high = interval(values, drawn)
    assert interval(10 + 100 * values, drawn) == pytest.approx((10 + 100 * low, 10 + 100 * high))
    # a long tail above reaches further above the mean
    assert high - values.mean() > 1.2 * (values.mean() - low)


def test_clusters_that_repeat_one_value_are_as_wide_as_their_number():
    """Ten copies of every value: videos alone would give an interval √10 too narrow."""
    centre = np.random.default_rng(0).standard_normal(60)
    few = interval(centre, resamples(range(60), seed=0))
    copied = interval(np.repeat(centre, 10), resamples(np.repeat(np.arange(60), 10), seed=0))
    assert copied == pytest.approx(few, abs=1e-12)
    low, high = interval(np.repeat(centre, 10), resamples(range(600), seed=0))
    assert (few[1] - few[0]) / (high - low) == pytest.approx(np.sqrt(10), rel=0.1)


def test_few_clusters_have_students_interval():
    values, drawn = np.array([1.0, 2, 3, 4, 2, 3]), resamples(list("aabbcc"), seed=0)
    margin = stdtrit(2, 0.975) * np.array([1.5, 3.5, 2.5]).std(ddof=1) / np.sqrt(3)
    assert interval(values, drawn) == pytest.approx((2.5 - margin, 2.5 + margin))


def test_an_infinite_quantile_of_t_leaves_students_interval():
    """One of 16 clusters is apart: it is missing from every third resample, whose t is −∞."""
    values = np.zeros(16)
    values[3] = 1
    low, high = interval(values, resamples(range(16), seed=0))
    margin = stdtrit(15, 0.975) * values.std(ddof=1) / 4
    assert high == pytest.approx(values.mean() + margin)
    assert -1 < low <= values.mean() - margin


def test_too_few_draws_for_a_quantile_leave_students_interval():
    values = np.random.default_rng(0).standard_normal(16)
    margin = stdtrit(15, 0.975) * values.std(ddof=1) / 4
    low, high = interval(values, resamples(range(16), seed=0, draws=30))
    assert (low, high) == pytest.approx((values.mean() - margin, values.mean() + margin))


def test_values_that_do_not_vary_have_an_interval_without_width():
    values = np.tile([0.1, -3, 0], (24, 1))
    low, high = interval(values, resamples(np.arange(24) // 3, seed=0))
    assert low == pytest.approx([0.1, -3, 0], abs=1e-15)
    assert np.array_equal(low, high)
    assert np.array_equal(*interval(values, resamples(np.arange(24) // 8, seed=0)))


def test_no_columns_have_no_intervals():
    low, high = interval(np.zeros((16, 0)), resamples(range(16), seed=0))
    assert low.shape == high.shape == (0,)


def test_missing_values_stay_missing():
    values = np.random.default_rng(0).standard_normal((16, 3))
    drawn = resamples(range(16), seed=0)
    low, high = interval(values, drawn)
    values[2, 1], values[4:6, 2] = np.nan, [np.inf, -np.inf]
    bounds = np.array(interval(values, drawn))
    assert bounds[:, 0].tolist() == [low[0], high[0]]
    assert np.isnan(bounds[:, 1:]).all()


def test_one_cluster_has_no_interval():
    drawn = resamples(["a", "a"], seed=0)
    hits = np.array([1.0, 0])
    assert np.isnan(interval(hits, drawn)).all()
    assert np.isnan(share_interval(hits, drawn)).all()
    assert np.isnan(hierarchical_interval(hits[None], drawn)).all()
    assert np.isnan(hierarchical_interval(hits[None], drawn, bounds=(0, 1))).all()


def test_independent_hits_have_wilsons_interval():
    hits = np.repeat([1.0, 0], [380, 20])
    low, high = share_interval(hits, resamples(range(400), seed=0))
    assert (low, high) == pytest.approx(_wilson(380, 400, 1.96), abs=5e-4)


def test_a_saturated_share_has_wilsons_interval_of_its_clusters():
    quantile = stdtrit(15, 0.975)
    drawn = resamples(groups(EQUAL), seed=0)
    low, high = share_interval(np.tile([1.0, 0], (128, 1)), drawn)
    assert (low[0], high[0]) == pytest.approx(_wilson(16, 16, quantile))
    assert (low[1], high[1]) == pytest.approx(_wilson(0, 16, quantile), abs=1e-12)
    # clusters of 1, 1 and 6 videos are 64 / 38 equal ones, and have fewer degrees of freedom
    low, high = share_interval(np.ones(8), resamples(list("abcccccc"), seed=0))
    assert high == 1
    assert low < _wilson(64 / 38, 64 / 38, stdtrit(2, 0.975))[0]


def test_a_share_stays_possible_and_right_and_wrong_mirror_each_other():
    hits = (np.random.default_rng(0).random((48, 200)) < np.linspace(0, 1, 200)).astype(float)
    drawn = resamples(np.arange(48) // 4, seed=0)
    low, high = share_interval(hits, drawn)
    mean = hits.mean(axis=0)
    assert np.all((low >= 0) & (high <= 1) & (high - low > 0.05))
    assert np.all((low <= mean + 1e-12) & (mean - 1e-12 <= high))
    mirrored = share_interval(1 - hits, drawn)
    assert mirrored[0] == pytest.approx(1 - high)
    assert share_interval(hits[:, 70] > 0, drawn) == pytest.approx((low[70], high[70]))


def test_clusters_right_by_the_same_share_do_not_make_it_certain():
    """Every cluster has 1 of 2: nothing varies between them, yet 16 videos are not all there is."""
    low, high = share_interval(np.tile([1.0, 0], 8), resamples(np.arange(16) // 2, seed=0))
    assert low < 0.3
    assert high > 0.7


def test_a_missing_hit_leaves_its_column_without_an_interval():
    hits = np.ones((16, 2))
    hits[0, 0] = np.nan
    bounds = np.array(share_interval(hits, resamples(range(16), seed=0)))
    assert np.isnan(bounds[:, 0]).all()
    assert np.isfinite(bounds[:, 1]).all()


def test_hits_that_ties_halve_have_no_wider_interval_than_those_of_a_coin():
    drawn = resamples(groups(EQUAL), seed=0)
    halves = share_interval(np.full(128, 0.5), drawn)
    whole = share_interval(np.tile([1.0, 0], 64), drawn)
    assert halves == pytest.approx(whole)
    assert 0.3 < halves[0] < 0.5 < halves[1] < 0.7


def test_resamples_of_some_videos_are_those_of_their_clusters():
    drawn = resamples(list("aabbccdd"), seed=3, draws=50)
    part = drawn.of(np.array([0, 2, 3, 7]))
    expected = resamples(list("abbd"), seed=3, draws=50)
    assert np.array_equal(part.cluster, expected.cluster)
    assert np.array_equal(part.counts, expected.counts)


def test_one_repeat_has_the_plain_interval():
    hits = np.random.default_rng(0).random(50) < 0.7
    drawn = resamples(np.arange(50) // 2, seed=0)
    assert hierarchical_interval(hits[None], drawn) == pytest.approx(interval(hits, drawn))
    low, high = hierarchical_interval(100.0 * hits[None], drawn, bounds=(0, 100))
    assert (low / 100, high / 100) == pytest.approx(share_interval(hits, drawn))


def test_repeats_add_their_own_spread_and_do_not_average_the_videos_away():
    drawn = resamples(range(300), seed=0)
    videos = np.random.default_rng(0).standard_normal(300)
    low, high = interval(videos, drawn)
    # repeats that agree tell nothing new about the videos
    same = hierarchical_interval(np.tile(videos, (5, 1)), drawn)
    assert same == pytest.approx((low, high))
    shift = np.array([-1, -0.5, 0, 0.5, 1])
    low, high = hierarchical_interval(videos + shift[:, None], drawn)
    of_repeats = stdtrit(4, 0.975) * shift.std(ddof=1) / np.sqrt(5)
    assert (high - low) / 2 == pytest.approx(
        np.hypot(1.96 * videos.std() / np.sqrt(300), of_repeats), rel=0.03
    )


def test_saturated_repeats_have_wilsons_interval_of_the_clusters():
    drawn = resamples(groups(EQUAL), seed=0)
    low, high = hierarchical_interval(np.full((3, 128), 100.0), drawn, bounds=(0, 100))
    assert (low / 100, high / 100) == pytest.approx(_wilson(16, 16, stdtrit(15, 0.975)))
    low, high = hierarchical_interval(np.zeros((3, 128)), drawn, bounds=(0, 100))
    assert low == pytest.approx(0, abs=1e-9)
    assert 20 < high < 25


def test_wrong_calls_are_refused():
    drawn = resamples(["a", "b"], seed=0, draws=10)
    with pytest.raises(ValueError, match="3 videos have values, but 2"):
        interval(np.zeros(3), drawn)
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(np.zeros(2), drawn, level=95)
    with pytest.raises(ValueError, match="between 0 and 1"):
        share_interval(np.array([0.0, 100]), drawn)
    with pytest.raises(ValueError, match="between 0 and 1"):
        hierarchical_interval(np.array([[0.0, 100]]), drawn, bounds=(0, 1))
    with pytest.raises(ValueError, match="no video"):
        resamples([], seed=0)
