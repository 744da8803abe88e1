"""Calibration: hand-computed bins, models that are right about themselves and one that never is."""

import math

import numpy as np
import pytest

from signal_perception.seeding import generator
from signal_perception.statistics import calibration
from signal_perception.statistics.intervals import resamples


def test_bins_and_error_by_hand() -> None:
    confidence = np.array([0.2, 0.5, 0.6, 0.9, 1.0])
    hits = np.array([0.0, 1.0, 0.5, 1.0, 0.0])
    found = calibration.reliability(confidence, hits, bins=2)
    # an edge belongs to the bin below it
    assert found.n.tolist() == [2, 3]
    assert found.bin.tolist() == [0, 0, 1, 1, 1]
    assert (found.low.tolist(), found.high.tolist()) == ([0, 0.5], [0.5, 1])
    assert found.confidence == pytest.approx([0.35, 2.5 / 3])
    assert found.hits == pytest.approx([0.5, 0.5])
    assert found.error == pytest.approx((2 * 0.15 + 3 * (2.5 / 3 - 0.5)) / 5)


def test_every_edge_of_fifteen_bins_belongs_to_the_bin_below_it() -> None:
    edges = np.arange(16) / 15
    found = calibration.reliability(edges, np.zeros(16))
    assert found.bin.tolist() == [0, *range(15)]
    middle = calibration.reliability(edges[:-1] + 1 / 30, np.zeros(15))
    assert middle.bin.tolist() == list(range(15))


def test_empty_bins_say_nothing() -> None:
    found = calibration.reliability(np.full(4, 0.75), np.ones(4), bins=4)
    assert found.n.tolist() == [0, 0, 4, 0]
    assert np.isnan(found.confidence[[0, 1, 3]]).all()
    assert found.error == pytest.approx(0.25)


def test_confidence_is_the_best_class_and_full_where_a_score_is_not_finite() -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.5, 0.5, 0.0], [np.nan, 0.1, 0.2]])
    assert calibration.confidence(probabilities).tolist() == [0.5, 0.5, 1.0]


def test_always_sure_and_always_wrong() -> None:
    draws = resamples(range(40), seed=0, draws=500)
    sure, wrong = np.ones(40), np.zeros(40)
    assert calibration.reliability(sure, wrong).error == 1
    low, high = calibration.error_interval(sure, wrong, draws)
    # no interval is a point
    assert 0.85 < low < 1
    assert high == 1
    low, high = calibration.error_interval(sure, sure, draws)
    assert low == 0 < high < 0.15


def test_a_calibrated_model_has_an_error_near_0_inside_its_interval() -> None:
    rng = generator(0, "calibrated")
    confidence = rng.uniform(0.1, 1, 6000)
    hits = (rng.uniform(size=6000) < confidence).astype(float)
    assert calibration.reliability(confidence, hits).error < 0.03
    low, high = calibration.error_interval(confidence, hits, resamples(range(6000), 0, 400))
    assert low == 0 < high < 0.06


def test_one_cluster_has_no_interval() -> None:
    found = calibration.error_interval(np.ones(5), np.ones(5), resamples(["g"] * 5, 0, 100))
    assert all(map(math.isnan, found))


@pytest.mark.parametrize("clusters", [16, 128])
@pytest.mark.parametrize(("power", "truth"), [(1.0, 0.0), (2.0, None)])
def test_the_interval_holds_the_truth(clusters: int, power: float, truth: float | None) -> None:
    """Of a calibrated model and of one that is right less often than it thinks, by cluster.

    The true error is that of the bins over the distribution of confidences.
    """
    bins, each = calibration.BINS, 4
    if truth is None:
        centres = (np.arange(100 * bins) + 0.5) / (100 * bins)
        truth = float(np.abs(centres - centres**power).mean())
    held = 0
    for trial in range(100):
        rng = generator(trial, "coverage", clusters)
        confidence = rng.uniform(size=clusters * each)
        # videos of a cluster share half of their luck
        luck = np.where(
            rng.uniform(size=clusters * each) < 0.5,
            np.repeat(rng.uniform(size=clusters), each),
            rng.uniform(size=clusters * each),
        )
        hits = (luck < confidence**power).astype(float)
        draws = resamples(np.repeat(np.arange(clusters), each), trial, 300)
        low, high = calibration.error_interval(confidence, hits, draws)
        held += low <= truth <= high
    assert held >= 93
