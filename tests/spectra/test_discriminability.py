"""The F ratio of classes and its interval."""

import numpy as np
import pytest
from scipy import stats

from signal_perception.spectra.discriminability import ratio

# 8 classes, 16 clusters, one video of every class in each: the default study.
CLASSES, CLUSTERS = 8, 16
LABELS = np.tile(np.arange(CLASSES), CLUSTERS)
GROUPS = np.repeat(np.arange(CLUSTERS), CLASSES)


def _values(between: float, shared: float, columns: int, seed: int = 0) -> np.ndarray:
    """Class means of standard deviation `between`, clusters of `shared`, and noise of 1."""
    draw = np.random.default_rng(seed).standard_normal
    means = np.linspace(-1, 1, CLASSES)
    means *= between / means.std(ddof=1)
    return (
        means[LABELS][:, None]
        + shared * draw((CLUSTERS, columns))[GROUPS]
        + draw((len(LABELS), columns))
    )


def test_it_is_the_f_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(list("aabbbccccdd"))
    values = rng.standard_normal((len(labels), 3)) + 100
    found = ratio(values, labels, np.arange(len(labels)))
    parts = [values[labels == name] for name in "abcd"]
    assert found.value == pytest.approx(stats.f_oneway(*parts).statistic)
    assert np.all((found.low < found.value) & (found.value < found.high))


def test_permuted_labels_bring_it_near_its_null_value() -> None:
    values = _values(between=2, shared=0, columns=400)
    assert np.median(ratio(values, LABELS, GROUPS).value) > 50
    permuted = np.random.default_rng(1).permutation(LABELS)
    # the columns of one permutation share their class means, so many are needed
    draws = [
        ratio(values[:, :5], np.random.default_rng(n).permutation(LABELS), GROUPS).value
        for n in range(100)
    ]
    assert np.mean(draws) == pytest.approx(1, abs=0.15)
    assert np.median(ratio(values, permuted, GROUPS).value) < 3


@pytest.mark.parametrize("between", [0, 0.3, 1])
@pytest.mark.parametrize("shared", [0, 1])
def test_the_interval_covers(between: float, shared: float) -> None:
    """At least 93 % of the intervals hold the ratio of the expected variances."""
    found = ratio(_values(between, shared, columns=2000), LABELS, GROUPS)
    # what a cluster adds is the same in all classes, so it is variance within them alone
    true = (CLUSTERS * between**2 + 1) / (1 + shared**2)
    covered = np.mean((found.low <= true) & (true <= found.high))
    assert 0.93 <= covered <= 0.995


def test_the_interval_is_the_jackknife_written_out() -> None:
    values = _values(0.5, 0.5, columns=1)[:, 0]
    found = ratio(values, LABELS, GROUPS)

    def log_f(kept: np.ndarray) -> float:
        parts = [values[kept & (c == LABELS)] for c in range(CLASSES)]
        return float(np.log(stats.f_oneway(*parts).statistic))

    without = np.array([log_f(np.not_equal(GROUPS, g)) for g in range(CLUSTERS)])
    error = np.sqrt((CLUSTERS - 1) * np.mean((without - without.mean()) ** 2))
    half = stats.t.ppf(0.975, CLUSTERS - 1) * error
    centre = log_f(GROUPS >= 0)
    assert (found.low, found.high) == pytest.approx(
        (np.exp(centre - half), np.exp(centre + half)), rel=1e-9
    )


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 2, 3]])
def test_too_few_classes_or_videos_of_one_have_none(labels: list[int]) -> None:
    found = ratio(np.random.default_rng(0).standard_normal((4, 2)), labels, np.arange(4))
    for each in (found.value, found.low, found.high):
        assert each.shape == (2,)
        assert np.isnan(each).all()


def test_values_that_are_all_alike_have_none() -> None:
    found = ratio(np.full((4, 1), np.log(1e-7)), [0, 0, 1, 1], np.arange(4))
    assert np.isnan(found.value).all()


def test_one_cluster_has_a_value_and_no_interval() -> None:
    found = ratio(np.array([0.0, 1, 3, 5])[:, None], [0, 0, 1, 1], np.zeros(4, int))
    assert np.isfinite(found.value).all()
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
