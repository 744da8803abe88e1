"""Counts of frames shown again, on clips worked out by hand and on every sampling rule."""

import numpy as np
import pytest

from signal_perception.clips import sampling
from signal_perception.clips.repeats import repeats
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator


def _counts(rule, total, fps, frames, stride, clips=1):
    """(distinct, repeated, looped) of each test clip."""
    indices = sampling.test_indices(rule, total, fps, frames, stride, clips)
    found = repeats(rule, indices, stride)
    for counts in (found.distinct, found.repeated, found.looped):
        assert counts.shape == (clips,)
        assert counts.dtype == np.int64
    return list(zip(found.distinct, found.repeated, found.looped, strict=True))


@pytest.mark.parametrize(
    ("rule", "indices", "expected"),
    [
        ("dense", [0, 4, 8, 12], (4, 0, 0)),
        ("dense", [0, 4, 8, 8], (3, 1, 0)),
        # repeated within the clip
        ("dense", [0, 0, 1, 1], (2, 2, 0)),
        ("mmaction", [6, 10, 14, 18], (4, 0, 0)),
        # 20 modulo 18: the last one alone is new after the beginning
        ("mmaction", [8, 12, 16, 2], (4, 0, 1)),
        # begun again twice: all from the first time on
        ("mmaction", [0, 4, 8, 2, 6, 0], (5, 0, 3)),
        # 4 modulo 3 steps forward and yet begins again
        ("mmaction", [0, 1, 2, 0], (3, 0, 3)),
        # 4 modulo 4
        ("mmaction", [1, 1, 1, 1], (1, 3, 3)),
        ("dense", [5], (1, 0, 0)),
        ("i3d", [5], (1, 0, 0)),
    ],
)
def test_counts_by_hand(rule, indices, expected):
    found = repeats(rule, np.array([indices, indices]), 4)
    assert found.distinct.tolist() == [expected[0]] * 2
    assert found.repeated.tolist() == [expected[1]] * 2
    assert found.looped.tolist() == [expected[2]] * 2


@pytest.mark.parametrize("rule", sampling.RULES)
def test_a_long_video_repeats_nothing(rule):
    assert _counts(rule, 300, 30.0, 8, 4, clips=3) == [(8, 0, 0)] * 3
    indices = np.stack(
        [sampling.train_indices(rule, 300, 30.0, 8, 4, generator(0, i)) for i in range(20)]
    )
    found = repeats(rule, indices, 4)
    assert found.looped.tolist() == [0] * 20
    # two neighbouring segments share the frame at their edge
    if rule != "uniform":
        assert found.distinct.tolist() == [8] * 20


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # 0 4 8 9 9 9 9 9
        ("dense", (4, 4, 0)),
        # at 15 frames per second: 0 2 4 6 8 9 9 9
        ("dense_30fps", (6, 2, 0)),
        # starts 0 1 2 3 4 6 7 8 of the segments: each once
        ("uniform", (8, 0, 0)),
        # 0 4 8 8 8 8 8 8
        ("videomae", (3, 5, 0)),
        # 0 4 8 2 6 0 4 8
        ("mmaction", (5, 0, 5)),
        ("swin", (5, 0, 5)),
        ("i3d", (5, 0, 5)),
    ],
)
def test_a_video_of_ten_frames(rule, expected):
    assert _counts(rule, 10, 15.0, 8, 4, clips=2) == [expected] * 2


@pytest.mark.parametrize("rule", sampling.RULES)
def test_a_video_of_one_frame(rule):
    looped = 7 if rule in ("mmaction", "swin", "i3d") else 0
    assert _counts(rule, 1, 30.0, 8, 4) == [(1, 7, looped)]


@pytest.mark.parametrize(("total", "looped"), [(29, 0), (28, 1), (25, 1), (24, 2), (8, 6), (4, 7)])
def test_frames_beyond_the_end_are_looped(total, looped):
    # 0 4 … 28: as many as lie at `total` or beyond
    assert [counts[2] for counts in _counts("mmaction", total, 30.0, 8, 4)] == [looped]


def test_uniform_repeats_evenly_where_frames_are_fewer_than_segments():
    assert _counts("uniform", 3, 30.0, 4, 1) == [(3, 1, 0)]


def test_an_unknown_rule_is_refused():
    with pytest.raises(UserError, match="no sampling rule"):
        repeats("sparse", np.array([[0, 1]]), 1)
