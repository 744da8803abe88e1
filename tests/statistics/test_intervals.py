"""The cluster bootstrap against intervals known by other means."""

import numpy as np
import pytest

from signal_perception.statistics import intervals


def test_same_clusters_are_resampled_alike_and_the_seed_matters():
    groups = ["b", "a", "b", "c"]
    first, again = (intervals.resamples(groups, seed=3) for _ in range(2))
    assert first.counts.shape == (2000, 3)
    assert np.array_equal(first.counts, again.counts)
    assert np.array_equal(first.cluster, [1, 0, 1, 2])
    assert (first.n_videos, first.n_clusters) == (4, 3)
    assert np.all(first.counts.sum(axis=1) == 3)
    assert not np.array_equal(first.counts, intervals.resamples(groups, seed=4).counts)


def test_the_order_of_videos_does_not_matter():
    rng = np.random.default_rng(0)
    groups, values = rng.integers(0, 20, 100), rng.standard_normal(100)
    shuffle = rng.permutation(100)
    one = intervals.interval(values, intervals.resamples(groups, seed=0))
    other = intervals.interval(values[shuffle], intervals.resamples(groups[shuffle], seed=0))
    assert one == pytest.approx(other, abs=1e-12)


def test_independent_videos_have_the_interval_of_the_normal_law():
    values = np.random.default_rng(0).standard_normal((400, 3)) * [1, 2, 3] + [0, 5, 10]
    low, high = intervals.interval(values, intervals.resamples(range(400), seed=0))
    error = values.std(axis=0) / np.sqrt(400)
    assert low == pytest.approx(values.mean(axis=0) - 1.96 * error, abs=0.03)
    assert high == pytest.approx(values.mean(axis=0) + 1.96 * error, abs=0.03)


def test_clusters_that_repeat_one_value_are_as_wide_as_their_number():
    """Ten copies of every value: videos alone would give an interval √10 too narrow."""
    centre = np.random.default_rng(0).standard_normal(60)
    few = intervals.interval(centre, intervals.resamples(range(60), seed=0))
    copied = intervals.interval(
        np.repeat(centre, 10), intervals.resamples(np.repeat(np.arange(60), 10), seed=0)
    )
    assert copied == pytest.approx(few, abs=1e-12)
    low, high = intervals.interval(np.repeat(centre, 10), intervals.resamples(range(600), seed=0))
    assert (few[1] - few[0]) / (high - low) == pytest.approx(np.sqrt(10), rel=0.1)


def test_unequal_clusters_weigh_by_their_videos():
    """Two clusters, of 1 and 3 videos: a resample has mean 0, 1 or, with one of each, 3/4."""
    drawn = intervals.resamples(["a", "b", "b", "b"], seed=0)
    values = np.array([0.0, 1, 1, 1])
    assert intervals.interval(values, drawn, level=0.4) == pytest.approx((0.75, 0.75))
    assert intervals.interval(values, drawn) == pytest.approx((0, 1))


def test_missing_values_stay_missing():
    values = np.array([[1.0, np.nan], [2, np.nan], [3, np.nan]])
    low, high = intervals.interval(values, intervals.resamples(range(3), seed=0))
    assert np.isfinite([low[0], high[0]]).all()
    assert np.isnan([low[1], high[1]]).all()


def test_one_repeat_has_the_plain_interval():
    values = np.random.default_rng(0).random(50) < 0.7
    drawn = intervals.resamples(np.arange(50) // 2, seed=0)
    assert intervals.hierarchical_interval(values[None], drawn) == pytest.approx(
        intervals.interval(values, drawn)
    )


def test_repeats_add_their_own_spread_and_do_not_average_the_videos_away():
    rng = np.random.default_rng(0)
    drawn = intervals.resamples(range(300), seed=0)
    videos = rng.standard_normal(300)
    low, high = intervals.interval(videos, drawn)
    same = intervals.hierarchical_interval(np.tile(videos, (5, 1)), drawn)
    # repeats that agree tell nothing new about the videos
    assert same == pytest.approx((low, high))
    shift = np.array([-1, -0.5, 0, 0.5, 1])
    wide = intervals.hierarchical_interval(videos + shift[:, None], drawn)
    expected = 1.96 * np.sqrt(videos.var() / 300 + shift.var() / 5)
    assert (wide[1] - wide[0]) / 2 == pytest.approx(expected, rel=0.07)


def test_wrong_calls_are_refused():
    drawn = intervals.resamples(["a", "b"], seed=0, draws=10)
    with pytest.raises(ValueError, match="3 videos have values, but 2"):
        intervals.interval(np.zeros(3), drawn)
    with pytest.raises(ValueError, match="between 0 and 1"):
        intervals.interval(np.zeros(2), drawn, level=95)
    with pytest.raises(ValueError, match="no video"):
        intervals.resamples([], seed=0)
