"""When a cell stops: parts, order, and how near its estimate is to what all videos would give."""

import itertools

import numpy as np
import pytest

from signal_perception.noise import precision
from signal_perception.statistics.intervals import resamples
from signal_perception.statistics.samples import Sample, margin_of_all


def test_without_a_precision_parts_are_fixed_and_videos_as_they_are_stored():
    assert precision.parts(2100, None) == [range(1024), range(1024, 2048), range(2048, 2100)]
    assert precision.parts(1024, None) == [range(1024)]
    assert precision.order(4, 0, None) == (0, 1, 2, 3)


def test_with_a_precision_looks_grow_from_96_by_a_quarter():
    ends = [part.stop for part in precision.parts(1530, 2.0)]
    assert ends == [96, 128, 160, 208, 272, 352, 448, 560, 704, 880, 1104, 1530]
    # 128 is not far from 130: no look of its own for the last two
    assert [part.stop for part in precision.parts(130, 2.0)] == [96, 130]
    assert precision.parts(96, 2.0) == precision.parts(96, None) == [range(96)]
    assert precision.parts(5, 2.0) == [range(5)]


@pytest.mark.parametrize("videos", [1, 96, 97, 143, 1530, 3783])
@pytest.mark.parametrize("asked", [None, 2.0])
def test_parts_cover_every_video_once(videos: int, asked: float | None):
    order, parts = precision.order(videos, 0, asked), precision.parts(videos, asked)
    assert sorted(order[position] for part in parts for position in part) == list(range(videos))
    assert all(part.stop == after.start for part, after in itertools.pairwise(parts))
    assert all(len(part) for part in parts)


def test_the_order_is_drawn_by_the_seed_alone():
    first = precision.order(500, 3, 2.0)
    assert first == precision.order(500, 3, 1.0)
    assert first != precision.order(500, 4, 2.0)
    assert first != tuple(range(500))


def test_both_top_1_and_top_5_must_be_sure():
    rng = np.random.default_rng(0)
    clean, videos = np.ones(1530), rng.permutation(1530)[:216]
    sure, unsure = np.ones((3, 216)), np.tile(rng.random(216) < 0.5, (3, 1)).astype(float)
    assert precision.settled(sure, sure, clean, clean, videos, 2.0)
    assert not precision.settled(unsure, sure, clean, clean, videos, 2.0)
    assert not precision.settled(sure, unsure, clean, clean, videos, 2.0)
    assert precision.settled(unsure, unsure, clean, clean, videos, 10.0)


def _stopped(cell: tuple[np.ndarray, np.ndarray], asked: float) -> tuple[float, int]:
    """Error of the estimate in points, and on how many videos the cell was scored."""
    hits, clean = cell
    total = len(clean)
    for part in precision.parts(total, asked):
        videos = np.arange(part.stop)
        seen = hits[:, videos]
        if precision.settled(seen, seen, clean, clean, videos, asked):
            break
    drawn = resamples(range(total), 0, 10)
    mean = Sample(seen, clean, videos, drawn, drawn).mean
    return 100 * abs(mean - hits.mean()), len(videos)


def _changed(rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A cell that is wrong in every repeat for a few of the videos that were right."""
    clean = (rng.random(1530) < 0.75).astype(float)
    hits = np.tile(clean, (3, 1))
    hits[:, rng.choice(np.flatnonzero(clean), round(1530 * share), replace=False)] = 0
    return hits, clean


def _mixed(rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A cell that keeps a share of what was right, each video by a chance of its own."""
    clean = (rng.random(1530) < 0.75).astype(float)
    keep = rng.beta(2 * share, 2 * (1 - share), 1530)
    return clean * (rng.random((3, 1530)) < keep), clean


@pytest.mark.parametrize("asked", [2.0, 4.0])
@pytest.mark.parametrize(
    ("cell", "share"),
    [(_changed, 0.02), (_changed, 0.03), (_changed, 0.06), (_mixed, 0.02), (_mixed, 0.5)],
)
def test_a_stopped_cell_is_as_near_to_all_videos_as_asked(cell, share: float, asked: float):
    """In 95 % of the cells, though each is looked at several times."""
    rng = np.random.default_rng(5)
    found = np.array([_stopped(cell(rng, share), asked) for _ in range(500)])
    assert (found[:, 0] <= asked).mean() >= 0.95
    assert found[:, 1].mean() < 0.6 * 1530


def test_a_margin_for_one_look_alone_would_stop_too_early(monkeypatch: pytest.MonkeyPatch):
    """What the floor and the surer level are for: without them, errors are larger than asked."""
    rng = np.random.default_rng(5)
    cells = [_changed(rng, 0.02) for _ in range(500)]
    monkeypatch.setattr(precision, "_LEVEL", 0.95)
    monkeypatch.setattr("signal_perception.statistics.samples._UNSEEN", 0.25)
    found = np.array([_stopped(each, 1.5) for each in cells])
    assert (found[:, 0] <= 1.5).mean() < 0.93


def test_the_margin_shrinks_to_nothing_at_all_videos():
    rng = np.random.default_rng(0)
    values, clean = rng.random(1530), np.ones(1530)
    margins = [margin_of_all(values[:m], clean[:m], 1530) for m in (96, 486, 1094, 1530)]
    assert margins == sorted(margins, reverse=True)
    assert margins[-1] == 0
