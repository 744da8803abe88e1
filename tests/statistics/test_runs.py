"""Runs combined: the arithmetic by hand, and how often intervals over runs hold the truth."""

import numpy as np
import pytest
from scipy import stats

from signal_perception.statistics import runs
from signal_perception.statistics.intervals import interval, resamples
from tests.statistics.simulated import EQUAL, NOMINAL, groups

CLUSTERS = np.array([16])


def _column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_two_sources_of_variance_by_hand() -> None:
    """Runs 4, 6, 8: variance between 4, of their mean 4/3; within, by the half-width t·3 → 9."""
    half = stats.t.ppf(0.975, 15) * 3
    value = _column(4, 6, 8)
    found = runs.combine(value, value - half, value + half, CLUSTERS)
    between, within = 4 / 3, 9
    variance = between + within
    quantile = (between * stats.t.ppf(0.975, 2) + within * stats.t.ppf(0.975, 15)) / variance
    margin = quantile * np.sqrt(variance)
    assert found.value == pytest.approx(6)
    assert (found.low, found.high) == (pytest.approx(6 - margin), pytest.approx(6 + margin))
    # as many degrees of freedom as have this quantile, which are a few less than 15
    freedom = 8.0
    for _ in range(100):
        freedom *= stats.t.ppf(0.975, freedom) / quantile
    assert 2 < freedom < 15
    assert found.p == pytest.approx(2 * stats.t.sf(6 / np.sqrt(variance), freedom), rel=1e-6)


def test_equal_runs_keep_their_interval_on_both_sides() -> None:
    """The videos are the same in all runs: three equal runs know no more than one."""
    value, low, high = _column(80, 80, 80), _column(70, 70, 70), _column(85, 85, 85)
    found = runs.combine(value, low, high, CLUSTERS)
    assert (found.low, found.high) == (pytest.approx(70), pytest.approx(85))


def test_without_variance_of_videos_it_is_the_t_test_of_runs() -> None:
    value = _column(1.0, 2.0, 4.0, 5.0)
    found = runs.combine(value, value, value, CLUSTERS)
    error = value.std(ddof=1) / 2
    assert found.p == pytest.approx(2 * stats.t.sf(3 / error, 3))
    margin = stats.t.ppf(0.975, 3) * error
    assert (found.low, found.high) == (pytest.approx(3 - margin), pytest.approx(3 + margin))


def test_p_and_interval_agree() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(2, 1, (3, 500))
    reach = rng.uniform(0.5, 2, (2, 3, 500))
    found = runs.combine(value, value - reach[0], value + reach[1], np.full(500, 16))
    excluded = (found.low > 0) | (found.high < 0)
    assert np.array_equal(excluded, found.p < 0.05)
    assert 50 < excluded.sum() < 450


def test_intervals_stay_where_values_can_be() -> None:
    value = _column(96, 100, 100)
    found = runs.combine(value, value - 5, np.full((3, 1), 100.0), CLUSTERS, bounds=(0, 100))
    assert found.high == 100 and 90 < found.low < 96


def test_what_is_not_known_stays_unknown() -> None:
    value = np.array([[1.0, 1.0, 0.0], [np.nan, 2.0, 0.0]])
    low = np.array([[0.0, np.nan, 0.0], [np.nan, 1.0, 0.0]])
    found = runs.combine(value, low, 2 * value - low, np.array([16, 16, 16]))
    assert np.isnan(found.value).tolist() == [True, False, False]
    for each in (found.low, found.high, found.p):
        assert np.isnan(each).tolist() == [True, True, False]
    assert found.p[2] == 1


def test_one_run_is_refused() -> None:
    with pytest.raises(ValueError, match="give two or more"):
        runs.combine(_column(1), _column(0), _column(2), CLUSTERS)


def test_the_same_difference_everywhere_has_the_p_of_the_sign_test() -> None:
    value = _column(3, 3)
    assert runs.combine(value, value, value, CLUSTERS).p == 0.5**15


# Standard deviation of runs, where that of the mean over videos is about 0.26.
SPREADS = {"dominant": 2.0, "larger": 0.8, "equal": 0.26, "absent": 0.0}


@pytest.mark.parametrize("number", [2, 3, 5])
@pytest.mark.parametrize("spread", SPREADS)
def test_intervals_hold_the_truth_as_often_as_claimed(spread: str, number: int) -> None:
    """Values are those of the run, the cluster, the video and of both (what one gets wrong)."""
    rng, sets, sizes = np.random.default_rng(4), 4000, EQUAL
    cluster = groups(sizes)
    shared = rng.standard_normal((len(sizes), sets))[cluster]
    shared += 0.5 * rng.standard_normal((len(cluster), sets))
    drawn = resamples(cluster, 0, 200)
    value, low, high = np.empty((3, number, sets))
    for run in range(number):
        own = SPREADS[spread] * rng.standard_normal(sets)
        values = shared + own + 0.5 * rng.standard_normal((len(cluster), sets))
        value[run] = values.mean(axis=0)
        low[run], high[run] = interval(values, drawn)
    found = runs.combine(value, low, high, np.full(sets, len(sizes)))
    held = float(np.mean((found.low <= 0) & (found.high >= 0)))
    alone = float(np.mean((low[0] <= 0) & (high[0] >= 0)))
    print(f"\n{number} runs, variance of runs {spread}: {held:.3f}; of one run alone {alone:.3f}")
    assert NOMINAL <= held < 0.99
    # what a band of one run does not hold
    assert (alone < 0.9) == (SPREADS[spread] > 0)
