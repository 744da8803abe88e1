"""Frame and crop rules against cases worked out by hand from the official formulas.

These are in RECIPES of the reference data.
"""

import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from signal_perception.clips import sampling
from signal_perception.clips.settings import Input
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator

ROOT = Path(__file__).parents[2]
# rules whose test frames are exactly one stride apart
STRIDED = ("videomae", "mmaction", "swin", "i3d")


@pytest.mark.parametrize(
    ("rule", "total", "fps", "frames", "stride", "clips", "expected"),
    [
        # window 32 of 100, delta 68: one clip starts at 34 and steps by 31/7 = 4.43
        ("dense", 100, 25, 8, 4, 1, [[34, 38, 42, 47, 51, 56, 60, 65]]),
        # two clips: the first and the last possible window
        (
            "dense",
            100,
            25,
            8,
            4,
            2,
            [[0, 4, 8, 13, 17, 22, 26, 31], [68, 72, 76, 81, 85, 90, 94, 99]],
        ),
        # four clips: steps of ⌊68/3⌋ = 22, so the last one ends at 66 + 31 = 97
        ("dense", 100, 25, 2, 16, 4, [[0, 31], [22, 53], [44, 75], [66, 97]]),
        # a video shorter than the window: its last frame is repeated
        ("dense", 10, 25, 8, 4, 1, [[0, 4, 8, 9, 9, 9, 9, 9]]),
        ("dense", 10, 25, 8, 4, 2, [[0, 4, 8, 9, 9, 9, 9, 9]] * 2),
        # stride 1 takes every frame, whatever the rounding
        ("dense", 50, 25, 49, 1, 1, [list(range(49))]),
        # 15 fps: the window is 32·15/30 = 16 frames, and one clip lies at the START of the video
        ("dense_30fps", 100, 15, 8, 4, 1, [[0, 2, 4, 6, 8, 10, 12, 15]]),
        ("dense_30fps", 100, 30, 8, 4, 1, [[0, 4, 8, 13, 17, 22, 26, 31]]),
        # three clips of delta 84: starts 0, 28, 56, so the end of the video is never seen
        ("dense_30fps", 100, 15, 2, 16, 3, [[0, 15], [28, 43], [56, 71]]),
        ("dense_30fps", 5, 60, 3, 4, 1, [[0, 4, 4]]),
        # a window of less than one frame stands still and never runs backwards
        ("dense_30fps", 5, 1, 3, 4, 1, [[0, 0, 0]]),
        # one clip is the official number: window 256 of 300, linspace(0, 255, 4)
        ("dense_30fps", 300, 30, 4, 64, 1, [[0, 85, 170, 255]]),
        # segments of 25: their middles 12; two clips at a third and two thirds: 8 and 16
        ("uniform", 101, 25, 4, 1, 1, [[12, 37, 62, 87]]),
        ("uniform", 101, 25, 4, 9, 2, [[8, 33, 58, 83], [16, 41, 66, 91]]),
        # the official four: at fifths of a segment of 50, from its start: 10, 20, 30, 40
        (
            "uniform",
            101,
            25,
            2,
            1,
            4,
            [[10, 60], [20, 70], [30, 80], [40, 90]],
        ),
        # segments of 2.875: their starts 0 3 6 9 12 14 17 20, rounded, plus ⌊1.4375⌋
        ("uniform", 24, 12, 8, 3, 1, [[1, 4, 7, 10, 13, 15, 18, 21]]),
        # fewer frames than segments: halves are rounded to even (0.5 → 0, 1.5 → 2)
        ("uniform", 3, 12, 4, 1, 1, [[0, 0, 1, 2]]),
        ("uniform", 1, 12, 4, 1, 1, [[0, 0, 0, 0]]),
        # every fourth frame: 0, 4 … 96, which are 25; one clip leaves 17 and starts at the eighth
        ("videomae", 100, 25, 8, 4, 1, [[32, 36, 40, 44, 48, 52, 56, 60]]),
        (
            "videomae",
            100,
            25,
            8,
            4,
            2,
            [[0, 4, 8, 12, 16, 20, 24, 28], [68, 72, 76, 80, 84, 88, 92, 96]],
        ),
        # 0, 16 … 96 are 7; three clips start at the ⌊0⌋, ⌊2.5⌋, ⌊5⌋th
        ("videomae", 100, 25, 2, 16, 3, [[0, 16], [32, 48], [80, 96]]),
        # the official five: 25 are read and leave room 23, so they start at the 0th, ⌊5.75⌋th,
        # ⌊11.5⌋th, ⌊17.25⌋th and 23rd
        ("videomae", 100, 25, 2, 4, 5, [[0, 4], [20, 24], [44, 48], [68, 72], [92, 96]]),
        # 0, 4, 8 are all: the last of those read is repeated, not the last of the video
        ("videomae", 10, 25, 8, 4, 2, [[0, 4, 8, 8, 8, 8, 8, 8]] * 2),
        # a clip reaches over 29 frames, room 71
        ("mmaction", 100, 25, 8, 4, 1, [[35, 39, 43, 47, 51, 55, 59, 63]]),
        (
            "mmaction",
            100,
            25,
            8,
            4,
            2,
            [[0, 4, 8, 12, 16, 20, 24, 28], [71, 75, 79, 83, 87, 91, 95, 99]],
        ),
        # a clip reaches over 17 frames, room 83: round(41.5) = 42; round(27.67), round(55.33)
        ("mmaction", 100, 25, 2, 16, 3, [[0, 16], [42, 58], [83, 99]]),
        ("mmaction", 100, 25, 2, 16, 4, [[0, 16], [28, 44], [55, 71], [83, 99]]),
        # the official ten: room 83 in steps of 9.22, each rounded: 27.67 to 28, 64.56 to 65
        (
            "mmaction",
            100,
            25,
            2,
            16,
            10,
            [[s, s + 16] for s in (0, 9, 18, 28, 37, 46, 55, 65, 74, 83)],
        ),
        # 0 4 8 12 16 20 24 28 modulo 10
        ("mmaction", 10, 25, 8, 4, 1, [[0, 4, 8, 2, 6, 0, 4, 8]]),
        # 69 starts: their middle ⌊34.5⌋; the middles of their halves ⌊17.25⌋, ⌊51.75⌋
        ("swin", 100, 25, 8, 4, 1, [[34, 38, 42, 46, 50, 54, 58, 62]]),
        (
            "swin",
            100,
            25,
            8,
            4,
            2,
            [[17, 21, 25, 29, 33, 37, 41, 45], [51, 55, 59, 63, 67, 71, 75, 79]],
        ),
        # quarters of 17.25: ⌊8.625⌋, ⌊25.875⌋, ⌊43.125⌋, ⌊60.375⌋
        ("swin", 100, 25, 2, 16, 4, [[8, 24], [25, 41], [43, 59], [60, 76]]),
        # 31 frames hold no window of 32, although the clip's last index 28 exists
        ("swin", 31, 25, 8, 4, 2, [[0, 4, 8, 12, 16, 20, 24, 28]] * 2),
        ("swin", 10, 25, 8, 4, 1, [[0, 4, 8, 2, 6, 0, 4, 8]]),
        ("i3d", 100, 25, 8, 1, 1, [[46, 47, 48, 49, 50, 51, 52, 53]]),
        ("i3d", 8, 25, 8, 1, 1, [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ("i3d", 3, 25, 8, 1, 2, [[0, 1, 2, 0, 1, 2, 0, 1]] * 2),
    ],
)
def test_fixed_clips(rule, total, fps, frames, stride, clips, expected):
    found = sampling.test_indices(rule, total, fps, frames, stride, clips)
    assert found.tolist() == expected
    assert found.dtype == np.int64


@pytest.mark.parametrize("rule", sampling.RULES)
@pytest.mark.parametrize("total", [1, 7, 24, 300])
def test_random_clips_stay_inside_the_video_and_run_forwards(rule, total):
    for i in range(50):
        indices = sampling.train_indices(rule, total, 25.0, 8, 4, generator(0, rule, i))
        assert indices.shape == (8,)
        assert indices.dtype == np.int64
        assert indices.min() >= 0
        assert indices.max() < total
        looped = rule in ("mmaction", "swin", "i3d") and total < 29
        assert looped or np.all(np.diff(indices) >= 0)


@pytest.mark.parametrize(
    ("rule", "total", "expected"),
    [
        # a video of one window and no more leaves no choice: linspace(0, 32, 8), 32 being the frame
        # after the last
        ("videomae", 32, [0, 4, 9, 13, 18, 22, 27, 31]),
        # the authors never draw the last window, from 1
        ("videomae", 33, [0, 4, 9, 13, 18, 22, 27, 31]),
        # ⌊20/4⌋ frames from 0 to 20
        ("videomae", 20, [0, 5, 10, 15, 19, 19, 19, 19]),
        ("videomae", 10, [0, 9, 9, 9, 9, 9, 9, 9]),
        ("videomae", 3, [2, 2, 2, 2, 2, 2, 2, 2]),
        ("mmaction", 32, [0, 4, 8, 12, 16, 20, 24, 28]),
        ("swin", 32, [0, 4, 8, 12, 16, 20, 24, 28]),
        ("mmaction", 10, [0, 4, 8, 2, 6, 0, 4, 8]),
        ("i3d", 10, [0, 4, 8, 2, 6, 0, 4, 8]),
    ],
)
def test_random_clips_of_short_videos(rule, total, expected):
    for i in range(5):
        assert sampling.train_indices(rule, total, 25.0, 8, 4, generator(0, i)).tolist() == expected


def test_random_windows_of_videomae_and_mmaction():
    clips = {
        rule: [sampling.train_indices(rule, 40, 25.0, 8, 4, generator(0, i)) for i in range(300)]
        for rule in sampling.RULES
    }
    assert {int(clip[0]) for clip in clips["videomae"]} == set(range(8))
    assert {tuple(clip - clip[0]) for clip in clips["videomae"]} == {(0, 4, 9, 13, 18, 22, 27, 31)}
    for rule in ("mmaction", "swin", "i3d"):
        assert {int(clip[0]) for clip in clips[rule]} == set(range(9))
        assert {tuple(clip - clip[0]) for clip in clips[rule]} == {(0, 4, 8, 12, 16, 20, 24, 28)}


def test_random_dense_windows_reach_every_start_alike():
    starts = [
        sampling.train_indices("dense", 100, 25.0, 8, 4, generator(0, i))[0] for i in range(2000)
    ]
    assert set(range(68)) <= set(starts)
    assert np.mean(starts) == pytest.approx(33.5, abs=2)
    clips = [sampling.train_indices("dense", 100, 25.0, 8, 4, generator(0, i)) for i in range(50)]
    assert {int(clip[-1] - clip[0]) for clip in clips} == {31}
    slow = [
        sampling.train_indices("dense_30fps", 100, 15.0, 8, 4, generator(0, i)) for i in range(50)
    ]
    assert {int(clip[-1] - clip[0]) for clip in slow} == {15}


def test_random_uniform_frames_lie_in_their_segments_and_vary():
    clips = np.stack(
        [sampling.train_indices("uniform", 101, 25.0, 4, 1, generator(0, i)) for i in range(400)]
    )
    for segment in range(4):
        assert set(clips[:, segment]) == set(range(25 * segment, 25 * segment + 26))


def test_same_draws_same_clip():
    one, other = (
        sampling.train_indices("dense", 100, 25.0, 8, 4, generator(3, "x")) for _ in range(2)
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("rule", "height", "width", "size", "crops", "expected"),
    [
        # ⌈117/2⌉
        ("dense", 256, 341, 224, 1, [(16, 59)]),
        ("dense", 256, 341, 224, 3, [(16, 0), (16, 59), (16, 117)]),
        ("uniform", 341, 256, 224, 3, [(0, 16), (59, 16), (117, 16)]),
        ("dense_30fps", 224, 299, 224, 3, [(0, 0), (0, 38), (0, 75)]),
        ("dense", 224, 224, 224, 3, [(0, 0)] * 3),
        ("dense", 5, 4, 3, 1, [(1, 1)]),
        # round(58.5) = 58, round(59.5) = 60
        ("videomae", 256, 341, 224, 1, [(16, 58)]),
        ("videomae", 256, 343, 224, 1, [(16, 60)]),
        ("i3d", 256, 341, 224, 1, [(16, 58)]),
        ("i3d", 256, 343, 224, 1, [(16, 60)]),
        # ⌊1·75/2⌋, ⌊2·75/2⌋
        ("videomae", 224, 299, 224, 3, [(0, 0), (0, 37), (0, 75)]),
        ("videomae", 299, 224, 224, 3, [(0, 0), (37, 0), (75, 0)]),
        ("mmaction", 256, 341, 224, 1, [(16, 58)]),
        ("mmaction", 256, 343, 224, 1, [(16, 59)]),
        # steps of ⌊75/2⌋ = 37: left, right, middle, and the last column is never seen
        ("mmaction", 224, 299, 224, 3, [(0, 0), (0, 74), (0, 37)]),
        ("swin", 299, 224, 224, 3, [(0, 0), (74, 0), (37, 0)]),
    ],
)
def test_fixed_crops(rule, height, width, size, crops, expected):
    assert sampling.test_crops(rule, height, width, size, crops) == expected


@pytest.mark.parametrize(
    ("rule", "clips", "crops", "expected"),
    [
        ("dense", 1, 1, 0),
        ("dense_30fps", 1, 3, 1),
        ("uniform", 4, 3, 7),
        # the third clip of five, its second crop
        ("videomae", 5, 3, 7),
        ("i3d", 1, 3, 1),
        # the sixth clip of ten, its last crop: left, right, middle
        ("mmaction", 10, 3, 17),
        ("swin", 4, 3, 8),
        ("swin", 4, 1, 2),
    ],
)
def test_the_middle_view(rule, clips, crops, expected):
    assert sampling.centre_view(rule, clips, crops) == expected


@pytest.mark.parametrize("rule", sampling.RULES)
def test_the_middle_view_is_the_crop_nearest_the_centre(rule):
    crops = sampling.test_crops(rule, 224, 299, 224, 3)
    (centre,) = sampling.test_crops(rule, 224, 299, 224, 1)
    apart = [abs(left - centre[1]) for _, left in crops]
    assert apart[sampling.centre_view(rule, 1, 3)] == min(apart) <= 1


@pytest.mark.parametrize(
    ("rule", "height", "width", "short", "expected"),
    [
        # 340·224/256 = 297.5, 340·112/256 = 148.75
        ("dense", 256, 340, 224, (224, 297)),
        ("videomae", 340, 256, 224, (297, 224)),
        ("mmaction", 256, 340, 224, (224, 298)),
        ("swin", 340, 256, 112, (149, 112)),
        ("i3d", 256, 340, 112, (112, 148)),
        ("mmaction", 240, 320, 256, (256, 341)),
    ],
)
def test_fixed_sizes(rule, height, width, short, expected):
    assert sampling.test_size(rule, height, width, short) == expected


@pytest.mark.parametrize(
    ("rule", "fps", "frames", "stride", "total", "expected"),
    [
        # whatever the length: what fills up a short video does not count
        *((rule, 25, 8, 4, total, 4 / 25) for rule in STRIDED for total in (1, 10, 300)),
        # (32 − 1)/(8 − 1) source frames
        *(("dense", 25, 8, 4, total, 31 / 7 / 25) for total in (1, 10, 300)),
        ("dense", 25, 8, 1, 300, 1 / 25),
        # a window of 16, of 64: nearly equal in seconds
        ("dense_30fps", 15, 8, 4, 300, 15 / 7 / 15),
        ("dense_30fps", 60, 8, 4, 300, 63 / 7 / 60),
        ("uniform", 25, 8, 1, 101, 12.5 / 25),
        # the video slowed down to half
        ("uniform", 25, 8, 1, 5, 0.5 / 25),
    ],
)
def test_seconds_from_frame_to_frame(rule, fps, frames, stride, total, expected):
    found = sampling.frame_seconds(rule, fps, frames, stride, total)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", sampling.RULES)
def test_seconds_are_those_of_the_clips_of_a_long_video(rule):
    steps = np.diff(sampling.test_indices(rule, 1000, 25.0, 8, 16, 1)[0])
    found = sampling.frame_seconds(rule, 25.0, 8, 16, 1000)
    # whole frames: the last lies within one frame of its place
    assert found * 25 * 7 == pytest.approx(steps.sum(), abs=1)


@pytest.mark.parametrize("rule", sampling.RULES)
def test_no_seconds_without_a_rate_or_a_second_frame(rule):
    for fps, frames in ((0.0, 8), (-1.0, 8), (math.nan, 8), (25.0, 1)):
        assert math.isnan(sampling.frame_seconds(rule, fps, frames, 4, 300))


def test_no_seconds_where_the_clip_stands_still():
    assert math.isnan(sampling.frame_seconds("uniform", 25.0, 8, 1, 1))
    assert math.isnan(sampling.frame_seconds("dense_30fps", 0.5, 8, 4, 300))


@pytest.mark.parametrize("model", ["timesformer_divided", "timesformer_joint"])
def test_timesformers_look_at_videos_as_their_weights_did(model):
    asked = params.load(ROOT).entry(model, "base").input
    # room 300 − 225, at 25 frames per second as at 30
    for fps in (25.0, 30.0, 0.0):
        indices = sampling.test_indices(
            asked.sampling, 300, fps, asked.frames, asked.stride, clips=1
        )
        assert indices.tolist() == [[37, 69, 101, 133, 165, 197, 229, 261]]
    assert asked.fusion == "probabilities"
    assert (asked.size, asked.resize) == (224, None)
    assert asked.mean == asked.std == (0.5, 0.5, 0.5)


def test_the_rules_of_the_parameters_are_those_that_exist():
    assert get_args(Input.model_fields["sampling"].annotation) == sampling.RULES


def test_random_crops_are_squares_of_the_asked_share():
    for i in range(200):
        top, left, side = sampling.train_crop(60, 90, (0.25, 1.0), generator(0, i))
        assert 30 <= side <= 60
        assert 0 <= top <= 60 - side
        assert 0 <= left <= 90 - side
    sides = {sampling.train_crop(60, 90, (0.25, 1.0), generator(0, i))[2] for i in range(500)}
    assert min(sides) < 33
    assert max(sides) == 60
    squares = [sampling.train_crop(60, 90, (1.0, 1.0), generator(0, i)) for i in range(200)]
    assert {(top, side) for top, _, side in squares} == {(0, 60)}
    assert {left for _, left, _ in squares} == set(range(31))


def test_what_is_not_defined_is_refused():
    message = r"no sampling rule 'sparse'; choose one of dense, dense_30fps, uniform"
    with pytest.raises(UserError, match=message):
        sampling.test_indices("sparse", 10, 25, 8, 4, 1)
    with pytest.raises(UserError, match="no sampling rule"):
        sampling.train_indices("sparse", 10, 25, 8, 4, generator(0))
    with pytest.raises(UserError, match="no sampling rule"):
        sampling.test_crops("sparse", 300, 300, 224, 1)
    with pytest.raises(UserError, match="no sampling rule"):
        sampling.frame_seconds("sparse", 0.0, 8, 4, 10)
    with pytest.raises(UserError, match="needs each video's frame rate"):
        sampling.test_indices("dense_30fps", 10, 0.0, 8, 4, 1)
    with pytest.raises(UserError, match="A crop of 224 does not fit a picture of 200×300"):
        sampling.test_crops("dense", 200, 300, 224, 1)
    with pytest.raises(UserError, match="5 crops are not defined"):
        sampling.test_crops("dense", 300, 300, 224, 5)
