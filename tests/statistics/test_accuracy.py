"""Ranks and accuracy against cases worked out by hand."""

import numpy as np

from signal_perception.statistics.accuracy import accuracy, rank
from signal_perception.statistics.intervals import resamples


def test_ranks_with_ties_and_broken_scores() -> None:
    scores = np.array(
        [[3.0, 2.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [np.nan, 0.0, 9.0], [np.inf, 0.0, 9.0]]
    )
    labels = np.array([1, 0, 2, 2, 0])
    assert rank(scores, labels).tolist() == [1, 0, 2, 3, 3]


def test_accuracy_counts_and_says_what_a_guess_would_reach() -> None:
    ranks = np.array([0, 0, 4, 5, 0, 7, 0, 1])
    row = accuracy(ranks, 8, resamples(list("aabbccdd"), seed=0))
    assert (row["correct1"], row["correct5"], row["total"]) == (4, 6, 8)
    assert (row["top1"], row["top5"], row["chance1"], row["chance5"]) == (50, 75, 12.5, 62.5)
    assert 0 <= row["low1"] < 50 < row["high1"] <= 100


def test_few_classes_make_top_5_certain() -> None:
    assert accuracy(np.array([0, 1]), 3, resamples(["a", "b"], seed=0))["chance5"] == 100


def test_all_right_is_not_certain() -> None:
    row = accuracy(np.zeros(128, int), 8, resamples(np.arange(128) // 8, seed=0))
    assert (row["top1"], row["high1"]) == (100, 100)
    assert 75 < row["low1"] < 80
    row = accuracy(np.full(128, 7), 8, resamples(range(128), seed=0))
    assert (row["top1"], row["low1"]) == (0, 0)
    assert 2 < row["high1"] < 4
