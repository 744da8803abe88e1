"""Linear probes: what they find, what is not there, and that test videos decide nothing."""

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from signal_perception.probe import classifier
from signal_perception.probe.classifier import STRENGTHS, fit
from signal_perception.seeding import generator
from signal_perception.statistics.intervals import resamples, share_interval

CLASSES = 4


def made(
    distance: float, videos: int = 120, channels: int = 6, name: str = "x"
) -> tuple[NDArray, NDArray, NDArray]:
    """Features around the centres of four classes, labels, and sources of 6 videos."""
    rng = generator(0, "probe", name)
    centres = generator(0, "centres").normal(size=(CLASSES, channels))
    labels = np.arange(videos) % CLASSES
    features = distance * centres[labels] + rng.normal(size=(videos, channels))
    # channels of very different sizes
    return (
        (features * 10.0 ** np.arange(channels)).astype(np.float32),
        labels,
        labels * 0 + (np.arange(videos) // 6),
    )


def test_classes_far_apart_are_told_apart() -> None:
    train, labels, groups = made(20)
    test, expected, _ = made(20, name="test")
    found = fit(train, labels, groups, test, 3)
    assert (found.predicted == expected).all()
    assert (found.folds, found.converged) == (3, True)


def test_shuffled_labels_leave_chance() -> None:
    train, labels, groups = made(0.5, videos=240)
    test, expected, sources = made(0.5, videos=240, name="test")
    told = fit(train, labels, groups, test, 3).predicted == expected
    assert share_interval(told.astype(float), resamples(sources, 0, 200))[0] > 1 / CLASSES
    order = generator(0, "labels").permutation(len(labels))
    found = fit(train, labels[order], groups, test, 3)
    hits = (found.predicted == expected).astype(float)
    low, high = share_interval(hits, resamples(sources, 0, 200))
    assert low <= 1 / CLASSES <= high


def test_test_videos_decide_nothing() -> None:
    train, labels, groups = made(1)
    test = made(1, name="test")[0]
    found = fit(train, labels, groups, test, 3)
    # one by one, and in any company, a test video has the same class and the probe the same C
    alone = [fit(train, labels, groups, test[place : place + 1], 3) for place in (0, 7)]
    assert [each.predicted[0] for each in alone] == [found.predicted[0], found.predicted[7]]
    assert {each.c for each in alone} == {found.c}
    assert found.c in STRENGTHS


def test_no_source_is_on_both_sides_of_a_fold() -> None:
    _, labels, groups = made(1)
    splits = classifier._splits(labels, groups, 4)
    assert len(splits) == 4
    for seen, held in splits:
        assert not set(groups[seen]) & set(groups[held])
        # as many of each class as can be
        assert np.ptp(np.bincount(labels[held])) <= 2
    assert sorted(np.concatenate([held for _, held in splits])) == list(range(len(labels)))


def test_results_repeat_and_ties_go_to_the_strictest(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels, groups = made(50)
    monkeypatch.setattr(classifier, "STRENGTHS", (0.1, 1.0))
    first, again = (fit(train, labels, groups, train, 3) for _ in range(2))
    assert (first.predicted == again.predicted).all()
    # both are right everywhere
    assert first.c == again.c == 0.1


def test_a_channel_that_never_changes_is_no_matter() -> None:
    train, labels, groups = made(3)
    test = made(3, name="test")[0]
    still = [np.hstack([each, np.full((len(each), 2), 7.0)]) for each in (train, test)]
    expected = fit(train, labels, groups, test, 3)
    assert (fit(still[0], labels, groups, still[1], 3).predicted == expected.predicted).all()


def test_fits_that_end_early_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels, groups = made(1)
    monkeypatch.setattr(classifier, "_STEPS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(train, labels, groups, train, 3)
    assert not found.converged


def test_small_and_odd_data_sets_have_a_probe() -> None:
    train, labels, groups = made(5, videos=16)
    one = fit(train, labels, groups * 0, train, 5)
    assert (one.folds, one.c) == (0, STRENGTHS[0])
    # one class is all there is to say
    same = fit(train, labels * 0 + 2, groups, train, 5)
    assert set(same.predicted) == {2}
    assert same.folds == 0
    # two sources, so two folds
    assert fit(train, labels, np.arange(16) // 8, train, 5).folds == 2
    # a class with a single video
    rare = labels.copy()
    rare[0] = 9
    assert fit(train, rare, np.arange(16) // 4, train, 3).folds == 3
