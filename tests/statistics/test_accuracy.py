"""Ranks, ties and accuracy against cases worked out by hand."""

import numpy as np
import pytest

from signal_perception.statistics.accuracy import Ranking, accuracy, ranking
from signal_perception.statistics.intervals import resamples


def _ranking(places: list[int], classes: int, tied: int = 0) -> Ranking:
    return Ranking(np.array(places), np.full(len(places), tied), classes)


def test_ties_have_the_mean_rank_of_all_their_orders() -> None:
    scores = np.array([[3.0, 2, 1], [1, 1, 1], [2, 2, 1], [1, 2, 2]], np.float32)
    found = ranking(scores, np.array([1, 2, 0, 2]))
    assert found.mean_rank.tolist() == [1, 1, 0.5, 0.5]
    assert found.tied.tolist() == [0, 2, 1, 1]
    assert found.hits(1).tolist() == pytest.approx([0, 1 / 3, 1 / 2, 1 / 2])
    assert found.hits(2).tolist() == pytest.approx([1, 2 / 3, 1, 1])
    assert found.hits(3).tolist() == [1, 1, 1, 1]


def test_hits_are_the_mean_over_all_orders_of_the_tied() -> None:
    """Eight classes; ties broken at random, 4000 times."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 3, (12, 8)).astype(float)
    labels = rng.integers(0, 8, 12)
    broken = [ranking(scores + 0.1 * rng.random(scores.shape), labels) for _ in range(4000)]
    for k in (1, 5):
        mean = np.mean([each.hits(k) for each in broken], axis=0)
        assert ranking(scores, labels).hits(k) == pytest.approx(mean, abs=0.03)
    mean = np.mean([each.mean_rank for each in broken], axis=0)
    assert ranking(scores, labels).mean_rank == pytest.approx(mean, abs=0.15)


def test_a_score_that_is_no_number_is_wrong_for_every_k() -> None:
    scores = np.array([[np.nan, 0, 9], [np.inf, 0, 9], [-np.inf, 0, 9], [np.nan] * 3])
    found = ranking(scores, np.array([2, 0, 2, 1]))
    assert found.mean_rank.tolist() == [3, 3, 3, 3]
    assert found.tied.tolist() == [0, 0, 0, 0]
    assert found.not_finite.all()
    # also where every rank is among the first five
    assert found.hits(5).tolist() == [0, 0, 0, 0]
    # a true class that ranks last is not one of these
    assert not ranking(np.array([[1.0, 2, 3]]), np.array([0])).not_finite.any()


def test_accuracy_counts_and_says_what_a_guess_would_reach() -> None:
    row = accuracy(_ranking([0, 0, 4, 5, 0, 7, 0, 1], 8), resamples(list("aabbccdd"), seed=0))
    assert (row["correct1"], row["correct5"], row["total"]) == (4, 6, 8)
    assert isinstance(row["correct1"], int)
    assert (row["top1"], row["top5"], row["chance1"], row["chance5"]) == (50, 75, 12.5, 62.5)
    assert (row["tied"], row["not_finite"]) == (0, 0)
    assert 0 <= row["low1"] < 50 < row["high1"] <= 100


def test_accuracy_with_ties_and_broken_scores() -> None:
    scores = np.array([[1.0, 1, 0], [1, 1, 0], [5, 1, 0], [np.nan, 1, 0]])
    row = accuracy(ranking(scores, np.zeros(4, int)), resamples(list("abcd"), seed=0))
    assert (row["correct1"], row["top1"]) == (2, 50)
    assert isinstance(row["correct1"], int)
    assert (row["tied"], row["not_finite"]) == (2, 1)
    # three classes are all among the best five, but not without a score
    assert (row["correct5"], row["top5"]) == (3, 75)
    assert accuracy(ranking(scores[1:], np.zeros(3, int)), resamples("abc", 0))["correct1"] == 1.5


def test_few_classes_make_top_5_certain() -> None:
    assert accuracy(_ranking([0, 1], 3), resamples(["a", "b"], seed=0))["chance5"] == 100


def test_all_right_is_not_certain() -> None:
    row = accuracy(_ranking([0] * 128, 8), resamples(np.arange(128) // 8, seed=0))
    assert (row["top1"], row["high1"]) == (100, 100)
    assert 75 < row["low1"] < 80
    row = accuracy(_ranking([7] * 128, 8), resamples(range(128), seed=0))
    assert (row["top1"], row["low1"]) == (0, 0)
    assert 2 < row["high1"] < 4
