"""Means of all videos estimated from some: how near they are, and how often intervals hold."""

import numpy as np
import pytest
from scipy.special import ndtr

from signal_perception.statistics.intervals import hierarchical_interval, resamples, share_interval
from signal_perception.statistics.samples import Sample, margin_of_all, slope
from tests.statistics.simulated import EQUAL, NOMINAL, groups

CHANCE = 0.02


def _sample(hits: np.ndarray, clean: np.ndarray, videos: np.ndarray, per: int = 8) -> Sample:
    drawn = resamples(np.arange(len(clean)) // per, 0, 300)
    part = drawn if len(videos) == len(clean) else drawn.of(videos)
    return Sample(hits[:, videos], clean, videos, drawn, part)


def _hits(
    rng: np.random.Generator, repeats: int, threshold: float, spreads: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """Hits of a cell (repeats, 128 videos) and clean ones, where skill is above a threshold.

    spreads: of repeats, and of what is a repeat's and a video's own.
    """
    skill = 0.4 * rng.standard_normal(16)[groups(EQUAL)] + rng.standard_normal(128)
    luck = spreads[0] * rng.standard_normal((repeats, 1))
    luck = luck + spreads[1] * rng.standard_normal((repeats, 128))
    return (skill + luck > threshold).astype(float), (skill > -0.75).astype(float)


def _truths(threshold: float, spreads: tuple) -> tuple[float, float]:
    """Mean hit of all videos and repeats there are, and retention."""
    mean = ndtr(-threshold / np.sqrt(1.16 + spreads[0] ** 2 + spreads[1] ** 2))
    return mean, (mean - CHANCE) / (ndtr(0.75 / np.sqrt(1.16)) - CHANCE)


CELLS = {
    "half": (0.3, (0.3, 0.5)),
    "most": (-0.5, (0.5, 0.5)),
    "unharmed": (-0.7, (0, 0.1)),
    "lost": (2.2, (0.5, 0.5)),
}


@pytest.mark.parametrize("number", [128, 52], ids=["all", "some"])
@pytest.mark.parametrize("repeats", [3, 5])
@pytest.mark.parametrize("cell", CELLS)
def test_intervals_hold_the_truth_as_often_as_claimed(cell: str, repeats: int, number: int):
    rng, held = np.random.default_rng(1), []
    mean, retention = _truths(*CELLS[cell])
    for _ in range(400):
        hits, clean = _hits(rng, repeats, *CELLS[cell])
        found = _sample(hits, clean, np.sort(rng.permutation(128)[:number]))
        low, high = found.interval()
        _, least, most = found.retention(CHANCE)
        held.append((low <= mean <= high, least <= retention <= most))
    assert (np.mean(held, axis=0) > NOMINAL).all()


def test_all_videos_have_the_ordinary_interval():
    hits, clean = _hits(np.random.default_rng(0), 3, 0.3, (0.3, 0.5))
    found = _sample(hits, clean, np.arange(128))
    assert found.mean == hits.mean()
    assert found.interval() == hierarchical_interval(hits, found.resamples, bounds=(0, 1))


def test_the_estimate_is_that_of_easy_and_hard_videos_apart():
    """Of clean hits 0 and 1 the regression estimator is the weighted mean of both groups."""
    rng = np.random.default_rng(0)
    hits, clean = _hits(rng, 3, 0.3, (0.3, 0.5))
    videos = np.sort(rng.permutation(128)[:40])
    seen, easy = hits.mean(axis=0)[videos], clean[videos] > 0
    expected = clean.mean() * seen[easy].mean() + (1 - clean.mean()) * seen[~easy].mean()
    assert _sample(hits, clean, videos).mean == pytest.approx(expected)
    assert slope(seen, clean[videos]) == pytest.approx(seen[easy].mean() - seen[~easy].mean())
    assert slope(seen, np.ones(40)) == 0


def test_an_unharmed_cell_is_as_well_known_as_the_clean_model():
    rng = np.random.default_rng(0)
    clean = (rng.random(512) < 0.7).astype(float)
    found = _sample(np.tile(clean, (5, 1)), clean, np.sort(rng.permutation(512)[:96]), per=1)
    low, high = found.interval()
    least, most = share_interval(clean, found.resamples)
    assert found.mean == pytest.approx(clean.mean())
    assert high - low == pytest.approx(most - least, rel=0.1)


def test_retention_is_surer_than_the_accuracies_that_it_is_made_of():
    hits, clean = _hits(np.random.default_rng(0), 5, -0.5, (0, 0.2))
    found = _sample(hits, clean, np.arange(128))
    ratio, low, high = found.retention(CHANCE)
    assert ratio == pytest.approx((hits.mean() - CHANCE) / (clean.mean() - CHANCE))
    width = np.diff(found.interval())[0] / (clean.mean() - CHANCE)
    assert low < ratio < high
    assert high - low < 0.6 * width


def test_retention_of_an_unharmed_cell_is_not_certain_and_of_a_clean_model_at_chance_missing():
    clean = np.tile([1.0, 0.0], 64)
    ratio, low, high = _sample(np.tile(clean, (3, 1)), clean, np.arange(128)).retention(CHANCE)
    assert ratio == 1
    assert 0.7 < low < 1 < high < 1.3
    assert np.isnan(_sample(clean[None], clean, np.arange(128)).retention(0.5)).all()


def test_the_margin_by_hand():
    values, clean = np.array([1.0, 0, 1, 0.5]), np.array([1.0, 0, 1, 1])
    # the regression leaves 1/6, −1/3, 1/6 beside 0; three videos more have changed by 1
    rest = (1 / 6) ** 2 * 2 + (1 / 3) ** 2
    expected = 4.302653 * np.sqrt((rest + 3) / 2 / 4 * (1 - 4 / 100))
    assert margin_of_all(values, clean, 100) == pytest.approx(expected, rel=1e-6)
    assert margin_of_all(values, clean, 4) == 0
    assert margin_of_all(values[:2], clean[:2], 100) == np.inf


def test_nothing_seen_to_vary_leaves_room_for_what_was_missed():
    """Of 96 videos none changed: with 95 %, up to 3 % of all do (1 − 0.969⁹⁶)."""
    same = np.tile([1.0, 0.0], 48)
    assert margin_of_all(same, same, 10**6) == pytest.approx(0.0362, abs=5e-4)
