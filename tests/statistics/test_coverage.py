"""How often intervals hold the truth, in simulations where the percentile bootstrap fails."""

import numpy as np
import pytest
from scipy.special import ndtr

from signal_perception.statistics.intervals import (
    Resamples,
    hierarchical_interval,
    interval,
    resamples,
    share_interval,
)
from tests.statistics.simulated import (
    DATA_SETS,
    EQUAL,
    NOMINAL,
    UNEQUAL,
    alike_hits,
    clustered,
    coverage,
    groups,
    percentile,
    percentile_of_repeats,
)

EFFECTS = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0),
    "skewed": (lambda rng, shape: rng.lognormal(0, 0.5, shape), np.exp(0.125)),
}


@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("effects", EFFECTS)
def test_16_clusters_hold_the_truth_as_often_as_claimed(effects: str, sizes: np.ndarray):
    law, truth = EFFECTS[effects]

    def held(method) -> float:
        rng = np.random.default_rng(1)
        return coverage(
            method, lambda: clustered(rng, law(rng, (16, DATA_SETS)), sizes), sizes, truth
        )

    assert NOMINAL < held(interval) < 0.985
    assert held(percentile) < NOMINAL


SHARES = [
    (EQUAL, 0.9, 0.3),
    (UNEQUAL, 0.9, 0.3),
    (EQUAL, 0.97, 0.0),
    (EQUAL, 0.97, 0.3),
    (UNEQUAL, 0.97, 0.3),
    (np.full(128, 1), 0.98, 0.0),
]


@pytest.mark.parametrize(("sizes", "share", "alike"), SHARES)
def test_shares_near_1_hold_the_truth_as_often_as_claimed(
    sizes: np.ndarray, share: float, alike: float
):
    def held(method) -> float:
        rng = np.random.default_rng(2)
        return coverage(method, lambda: alike_hits(rng, sizes, share, alike), sizes, share)

    assert held(share_interval) > NOMINAL
    assert held(percentile) < NOMINAL


def _repeats(rng: np.random.Generator, repeat: float, cluster: float, video: float) -> np.ndarray:
    """Normal values (3 repeats, videos of 16 clusters): their own spread and that of each kind."""
    return (
        repeat * rng.standard_normal((3, 1))
        + cluster * rng.standard_normal((1, 16))[:, groups(EQUAL)]
        + video * rng.standard_normal((1, 128))
        + 0.5 * rng.standard_normal((3, 128))
    )


def _held_with_3_repeats(method, threshold: float | None, spreads: tuple) -> float:
    """Share of intervals that hold the truth: of the values, or of hits = values > threshold."""
    rng, drawn, held = np.random.default_rng(3), resamples(groups(EQUAL), 0, 300), []
    truth = 0.0
    if threshold is not None:
        truth = 100 * ndtr(-threshold / np.sqrt(np.square(spreads).sum() + 0.25))
    for _ in range(1000):
        values = _repeats(rng, *spreads)
        low, high = method(values if threshold is None else 100.0 * (values > threshold), drawn)
        held.append(low <= truth <= high)
    return float(np.mean(held))


def _bounded(values: np.ndarray, drawn: Resamples) -> tuple[float, float]:
    return hierarchical_interval(values, drawn, bounds=(0, 100))


@pytest.mark.parametrize("spreads", [(0.4, 0.1, 0.5), (0.4, 1, 0.5)])
def test_3_repeats_of_16_clusters_hold_the_truth_as_often_as_claimed(spreads: tuple):
    assert _held_with_3_repeats(hierarchical_interval, None, spreads) > NOMINAL
    assert _held_with_3_repeats(percentile_of_repeats, None, spreads) < NOMINAL


@pytest.mark.parametrize("threshold", [-0.5, -2.5], ids=["p=0.65", "p=0.97"])
def test_hits_of_3_repeats_hold_the_truth_as_often_as_claimed(threshold: float):
    assert _held_with_3_repeats(_bounded, threshold, (0.5, 0.4, 1)) > NOMINAL
    assert _held_with_3_repeats(percentile_of_repeats, threshold, (0.5, 0.4, 1)) < NOMINAL
