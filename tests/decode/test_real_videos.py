"""Real videos: single clips of the data sets, and awkward files that people filed as bugs."""

import csv
from itertools import islice

import numpy as np
import pytest

from signal_perception.decode import readers
from signal_perception.decode.video import decode
from tests.support.videos import hash_of, sequential


def test_hmdb51_files_equal_sequential_reading(shared):
    with (shared / "data/singles/manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "hmdb51"]
    assert len(rows) == 4
    for row in rows:
        path = shared / "data/singles" / row["path"]
        decoded = decode(path, short_side=10_000, max_frames=10_000)
        assert np.array_equal(decoded.frames, sequential(path))
        assert decoded.verdict == "repeated frames"
        assert decoded.promised == len(decoded.frames) + 1
        assert decoded.sha256 == row["sha256"]
        # where there is a note, the count was read from the header
        if not row["note"]:
            assert len(decoded.frames) == int(row["frames"])


# XviD streams: the FFmpeg inside decord and that inside PyAV round their inverse cosine transform
# differently, in a few pixels.
ROUNDED = {f"ucf101/SoccerJuggling/v_SoccerJuggling_{clip}.avi" for clip in ("g23_c01", "g24_c01")}


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(np.int16) - other)


def test_all_single_clips_equal_sequential_reading(shared):
    with (shared / "data/singles/manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    for row in rows:
        path = shared / "data/singles" / row["path"]
        decoded = decode(path, short_side=10_000, max_frames=10_000)
        expected = sequential(path)
        assert len(decoded.frames) == len(expected), row["path"]
        for i, (frame, other) in enumerate(zip(decoded.frames, expected)):
            if row["path"] in ROUNDED:
                distances = {
                    j: apart(frame, expected[j]).mean()
                    for j in range(max(0, i - 6), min(i + 7, len(expected)))
                }
                assert apart(frame, other).max() <= 2
                # its own, not a neighbour
                assert min(distances, key=distances.__getitem__) == i
                assert distances[i] < 0.001
            else:
                assert np.array_equal(frame, other), (row["path"], i)
        assert decoded.frames_hash == hash_of(decoded.frames)
        assert decoded.verdict == ("repeated frames" if row["dataset"] == "hmdb51" else "ok")


# What decord does not simply decode from beginning to end.
AWKWARD = {
    # its four frames are really alike
    "decord__unordered.mov": ("decord", "ok"),
    "mp4parse-rust__chunk_out_of_range.mp4": (
        "",
        "refused: Invalid data found when processing input",
    ),
    "mp4parse-rust__invalid_userdata.mp4": ("", "refused: no frame could be decoded"),
    # an error after eight frames
    "mp4parse-rust__no_timescale.mp4": ("pyav", "short"),
    "mp4parse-rust__test_case_1185230.mp4": (
        "",
        "refused: Invalid data found when processing input",
    ),
    "mp4parse-rust__zero_empty_stsc.mp4": ("", "refused: Invalid data found when processing input"),
    "torchcodec__av1_video.mkv": ("pyav", "ok"),
    "torchcodec__testsrc2_av1_10bit.mp4": ("pyav", "ok"),
    # 30 promised, 25 to be shown
    "torchcodec__discard_first_keyframe.mp4": ("decord", "repeated frames"),
    # decord gives such small pictures in another shape
    "web-platform-tests__2x2-green.mp4": ("pyav", "ok"),
    "web-platform-tests__2x2-green.ogv": ("", "refused: Operation not permitted"),
}


# Mean difference of levels where decord interpolates colour otherwise than PyAV: 10-bit and
# odd-sized 4:2:0 pictures.
INTERPOLATED = {
    "torchcodec__h265_10bits.mp4": 4,
    "torchcodec__testsrc2_hdr.mp4": 3,
    "torchcodec__testsrc2_odd_height_and_width_mpeg2.mp4": 5,
    "torchcodec__testsrc2_odd_height_and_width_vp9.mp4": 1,
}


def test_awkward_videos_give_the_honest_count(shared):
    with (shared / "data/awkward/manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    for row in rows:
        decoded = decode(shared / "data/awkward" / row["file"], short_side=32, max_frames=300)
        assert len(decoded.frames) == int(row["decoded_frames_pyav"]), row["file"]
        assert decoded.verdict.startswith("refused: ") == (len(decoded.frames) == 0), row["file"]
        assert (decoded.decoder, decoded.verdict) == AWKWARD.get(row["file"], ("decord", "ok")), (
            row["file"]
        )
        assert min(decoded.size) == min(32, decoded.width, decoded.height)
        assert {frame.shape for frame in decoded.frames} <= {(*decoded.size, 3)}
        assert decoded.seconds == pytest.approx(
            len(decoded.frames) / decoded.fps if decoded.fps else 0, abs=1e-3
        )


def test_pictures_of_either_decoder_are_alike_but_for_the_interpolation_of_colour(shared):
    with (shared / "data/awkward/manifest.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file) if int(row["decoded_frames_pyav"])]
    for name in names:
        path = shared / "data/awkward" / name
        decoded = decode(path, short_side=10_000, max_frames=30)
        source = readers.pyav_frames(path)
        next(source)
        others = list(islice(source, len(decoded.frames)))
        for i, frame in enumerate(decoded.frames):
            if name in INTERPOLATED:
                distances = [apart(frame, other).mean() for other in others]
                assert distances[i] < INTERPOLATED[name], (name, i)
                # its own, not a neighbour
                assert int(np.argmin(distances)) == i, (name, i)
            else:
                assert np.array_equal(frame, others[i]), (name, i)


def test_pictures_stand_upright_with_either_decoder(shared):
    for name in ("decord__video_90.mov", "mp4parse-rust__video_rotation_90.mp4"):
        path = shared / "data/awkward" / name
        one, other = list(readers.decord_frames(path))[1:], list(readers.pyav_frames(path))[1:]
        assert one[0].shape[0] > one[0].shape[1]
        assert np.array_equal(one, other)
