"""Finished units read back: parts put together, ties and broken scores, the clean model."""

import random
from pathlib import Path

import numpy as np
import pytest

from signal_perception.noise.outcomes import Outcomes
from signal_perception.statistics.accuracy import ranking
from signal_perception.statistics.intervals import resamples
from tests.support.outcomes import CLASSES, parts_of, plan, settings, write

GRID = {"panels": "parts", "sigma": [0.0, 0.2], "gamma": [0.5], "rho": [1.0]}
VIDEOS, REPEATS = 200, 3
LABELS = np.arange(VIDEOS) % CLASSES


def _scores(number: int, repeat: int) -> np.ndarray:
    """Of a few values, so with ties, and some that are no number."""
    rng = np.random.default_rng([number, repeat])
    scores = rng.integers(0, 4, (VIDEOS, CLASSES)).astype(np.float32)
    scores[rng.choice(VIDEOS, 5, replace=False), 1] = rng.choice([np.nan, np.inf, -np.inf], 5)
    return scores


@pytest.mark.parametrize("asked", [None, 2.0])
def test_parts_come_together_whatever_their_order(asked: float | None, tmp_path: Path):
    grids, parts = plan(settings({"a": GRID})), parts_of(VIDEOS, asked)
    assert len(parts) == (1 if asked is None else 4)
    units = write(tmp_path, grids, _scores, parts, REPEATS)
    random.Random(0).shuffle(units)
    found = Outcomes(grids, units, _scores(99, 0), LABELS, parts, resamples(range(VIDEOS), 0, 50))
    for number, cell in enumerate(grids.cells):
        if cell.clean:
            continue
        outcome = found.cells[number]
        whole = [ranking(_scores(number, repeat), LABELS) for repeat in range(REPEATS)]
        assert outcome.videos.tolist() == list(range(VIDEOS))
        for k in (1, 5):
            assert np.array_equal(outcome.hits[k], [each.hits(k) for each in whole])
        assert outcome.tied == sum((each.tied > 0).sum() for each in whole) > 0
        assert outcome.not_finite == REPEATS * 5
        assert (outcome.sha256, outcome.kappa) == (
            f"hash {number} 0",
            pytest.approx(0.1 * (number + 1)),
        )


def test_a_clean_cell_is_the_clean_model_in_every_repeat(tmp_path: Path):
    grids, parts = plan(settings({"a": GRID})), parts_of(VIDEOS, None)
    units = write(tmp_path, grids, _scores, parts, REPEATS)
    clean = _scores(99, 0)
    found = Outcomes(grids, units, clean, LABELS, parts, resamples(range(VIDEOS), 0, 50))
    right = ranking(clean, LABELS)
    for number, cell in enumerate(grids.cells):
        if cell.clean:
            assert np.array_equal(found.cells[number].hits[1], [right.hits(1)] * REPEATS)
            assert found.cells[number].not_finite == REPEATS * 5
            assert (found.cells[number].sha256, found.cells[number].kappa) == ("", 0)


def test_a_stopped_cell_has_the_videos_of_its_parts(tmp_path: Path):
    grids, parts = plan(settings({"a": GRID})), parts_of(VIDEOS, 2.0)
    disturbed = [number for number, cell in enumerate(grids.cells) if not cell.clean]
    units = write(tmp_path, grids, _scores, parts, REPEATS, {disturbed[0]: 1})
    drawn = resamples(range(VIDEOS), 0, 50)
    found = Outcomes(grids, units, _scores(99, 0), LABELS, parts, drawn)
    stopped, ran = (found.cells[number] for number in disturbed[:2])
    assert stopped.videos.tolist() == sorted(parts[0])
    assert len(ran.videos) == VIDEOS
    whole = ranking(_scores(disturbed[0], 2), LABELS).hits(1)
    assert np.array_equal(stopped.hits[1][2], whole[stopped.videos])
    assert found.sample(disturbed[0], 1).part.n_videos == 96
    assert found.sample(disturbed[1], 1).part is drawn


def test_repeats_of_other_videos_are_refused(tmp_path: Path):
    grids, parts = plan(settings({"a": GRID})), parts_of(VIDEOS, 2.0)
    units = write(tmp_path, grids, _scores, parts, REPEATS)[:-1]
    drawn = resamples(range(VIDEOS), 0, 50)
    with pytest.raises(ValueError, match="different videos"):
        Outcomes(grids, units, _scores(99, 0), LABELS, parts, drawn)
