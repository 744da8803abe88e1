"""Two proportions and McNemar's test: worked examples of the literature, and simulations."""

import numpy as np
import pytest

from signal_perception.statistics.intervals import resamples
from signal_perception.statistics.proportions import (
    discordant,
    mcnemar,
    paired_interval,
    two_proportions,
    wilson,
)

# Newcombe 1998, Statistics in Medicine 17, 857–872, table I, method 3.
WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# Newcombe 1998, Statistics in Medicine 17, 873–890, table II, method 10.
NEWCOMBE = [
    ((56, 70, 48, 80), 0.2, 0.0524, 0.3339),
    ((9, 10, 3, 10), 0.6, 0.1705, 0.8090),
    ((6, 7, 2, 7), 0.5714, 0.0582, 0.8062),
    ((5, 56, 0, 29), 0.0893, -0.0381, 0.1926),
    ((0, 10, 0, 20), 0.0, -0.1611, 0.2775),
    ((0, 10, 0, 10), 0.0, -0.2775, 0.2775),
    ((10, 10, 0, 20), 1.0, 0.6791, 1.0),
    ((10, 10, 0, 10), 1.0, 0.6075, 1.0),
]


@pytest.mark.parametrize(("k", "n", "low", "high"), WILSON)
def test_wilsons_interval_is_that_of_the_paper(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_what_is_no_share_is_refused() -> None:
    for k, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="is no share"):
            wilson(k, n)


@pytest.mark.parametrize(("counts", "difference", "low", "high"), NEWCOMBE)
def test_newcombes_interval_is_that_of_the_paper(
    counts: tuple, difference: float, low: float, high: float
) -> None:
    found = two_proportions(*counts)
    expected = (difference, low, high)
    assert (found.difference, found.low, found.high) == pytest.approx(expected, abs=5e-5)
    swapped = two_proportions(*counts[2:], *counts[:2])
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))
    assert swapped.p == pytest.approx(found.p)


def test_large_counts_are_tested_by_chi_square_without_correction() -> None:
    """Aspirin against placebo, Agresti, Categorical Data Analysis: χ² = 25.01."""
    # P(χ²₁ > 25.0139)
    assert two_proportions(189, 11034, 104, 11037).p == pytest.approx(5.692e-07, rel=1e-3)
    # by hand: 150 (56·32 − 48·14)² / (70·80·104·46)
    square = 150 * (56 * 32 - 48 * 14) ** 2 / (70 * 80 * 104 * 46)
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal(400_000) ** 2
    assert two_proportions(56, 70, 48, 80).p == pytest.approx((drawn >= square).mean(), abs=1e-3)


def test_small_counts_are_tested_exactly() -> None:
    """Fisher's tea: 3 of 4 against 1 of 4, p = 34/70."""
    assert two_proportions(3, 4, 1, 4).p == pytest.approx(34 / 70)
    # all right, or none: nothing to tell apart
    assert two_proportions(7, 7, 9, 9).p == two_proportions(0, 7, 0, 9).p == 1
    # a tie's half is a video or none
    assert two_proportions(3.5, 4, 1, 4).p == two_proportions(4, 4, 1, 4).p


def test_newcombes_interval_holds_the_truth_as_often_as_claimed() -> None:
    rng = np.random.default_rng(1)
    for n1, n2, p1, p2 in ((128, 1530, 0.75, 0.7), (48, 48, 0.6, 0.9), (1530, 1530, 0.97, 0.97)):
        first, second = rng.binomial(n1, p1, 2000), rng.binomial(n2, p2, 2000)
        found = [two_proportions(int(a), n1, int(b), n2) for a, b in zip(first, second)]
        held = np.mean([each.low <= p1 - p2 <= each.high for each in found])
        assert 0.935 < held < 0.975


@pytest.mark.parametrize(("n", "share"), [(1530, 0.72), (128, 0.97), (48, 0.6)])
def test_equal_accuracies_have_a_small_p_as_rarely_as_it_says(n: int, share: float) -> None:
    rng = np.random.default_rng(2)
    pairs = rng.binomial(n, share, (2000, 2))
    p = np.array([two_proportions(int(a), n, int(b), n).p for a, b in pairs])
    assert (p < 0.05).mean() < 0.063
    assert (p < 0.2).mean() < 0.23
    worse = rng.binomial(n, share - 2 / n**0.5, 500)
    found = [two_proportions(int(a), n, int(b), n).p < 0.05 for a, b in zip(worse, pairs[:, 1])]
    assert np.mean(found) > 0.7


def test_mcnemar_by_hand() -> None:
    # 2 (1 + 10) / 2¹⁰
    assert mcnemar(1, 9) == mcnemar(9, 1) == pytest.approx(22 / 1024)
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(4, 4) == mcnemar(0, 0) == 1
    # approval of a prime minister, Agresti, Categorical Data Analysis
    assert mcnemar(150, 86) == pytest.approx(3.716e-05, rel=1e-3)
    with pytest.raises(ValueError, match="none below 0"):
        mcnemar(-1, 2)


def test_ties_are_discordant_by_their_share_and_make_nothing_surer() -> None:
    first = np.array([1, 1, 0.5, 0, 1 / 3, 1])
    second = np.array([1, 0, 1, 0, 0, 0.5])
    assert discordant(first, second) == pytest.approx((1 + 1 / 3 + 0.5, 0.5))
    assert mcnemar(1.5, 9.5) == mcnemar(2, 9)
    assert mcnemar(3.5, 3.6) == mcnemar(0, 0.5) == 1
    # sums of thirds that are whole numbers but for their last bits
    assert mcnemar(sum([1 / 3] * 3), 9 + 1e-12) == mcnemar(1, 9)


def test_mcnemar_has_a_small_p_as_rarely_as_it_says() -> None:
    """Exactly, over all outcomes of n discordant videos."""
    for n in (6, 20, 101):
        p = np.array([mcnemar(b, n - b) for b in range(n + 1)])
        chance = np.exp([_log_binomial(n, b) - n * np.log(2) for b in range(n + 1)])
        assert chance.sum() == pytest.approx(1)
        for level in (0.05, 0.2):
            assert chance[p <= level].sum() <= level + 1e-12


def _log_binomial(n: int, b: int) -> float:
    numbers = np.log(np.arange(1, n + 1))
    return numbers.sum() - numbers[:b].sum() - numbers[: n - b].sum()


def test_videos_of_one_source_make_mcnemar_too_sure_and_not_the_interval_of_clusters() -> None:
    """16 clusters of 8 videos; each cluster favours one of two models that are equally good."""
    rng, drawn = np.random.default_rng(3), resamples(np.arange(128) // 8, 0, 300)
    too_sure, excluded = [], []
    for _ in range(400):
        favour = np.repeat(rng.uniform(-0.35, 0.35, 16), 8)
        first, second = (rng.random(128) < 0.6 + sign * favour for sign in (1, -1))
        too_sure.append(mcnemar(*discordant(first, second)) < 0.05)
        low, high = paired_interval(first.astype(float) - second, drawn)
        excluded.append(low > 0 or high < 0)
    assert np.mean(too_sure) > 0.1
    assert np.mean(excluded) < 0.07


def test_videos_that_do_not_differ_have_an_interval_that_is_no_point() -> None:
    drawn = resamples(np.arange(128) // 8, 0)
    low, high = paired_interval(np.zeros(128), drawn)
    # (1 − high)¹⁶ = 0.025
    assert (1 - high) ** 16 == pytest.approx(0.025)
    assert low == -high
    assert np.isnan(paired_interval(np.zeros(8), resamples(["a"] * 8, 0))).all()
    low, high = paired_interval(np.r_[1.0, np.zeros(127)], drawn)
    assert low < 1 / 128 < high
