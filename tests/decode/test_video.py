"""Decoding: the frames of a plain sequential reading and not one more.

And a verdict for everything that is not a video.
"""

import av
import numpy as np
import pytest

from signal_perception.decode import readers
from signal_perception.decode import video as module
from signal_perception.decode.video import decode
from tests.support.videos import hash_of, moving, sequential, write, write_two


@pytest.mark.parametrize("b_frames", [0, 1, 2])
@pytest.mark.parametrize("count", [12, 13, 14])
def test_avi_with_b_frames_equals_sequential_reading(tmp_path, b_frames, count):
    path = write(tmp_path / "a.avi", moving(count), "mpeg4", b_frames=b_frames)
    expected = sequential(path)
    decoded = decode(path, short_side=48, max_frames=100)
    assert (decoded.verdict, decoded.decoder, decoded.codec, decoded.promised) == (
        "ok",
        "decord",
        "mpeg4",
        count,
    )
    assert np.array_equal(decoded.frames, expected)
    assert (decoded.fps, decoded.width, decoded.height) == (10, 64, 48)


def test_a_surplus_last_frame_is_found_and_dropped(tmp_path):
    path = write(tmp_path / "a.avi", moving(12), "mpeg4", b_frames=1, surplus=True)
    reader = list(readers.decord_frames(path))
    assert reader[0] == 13, (
        "decord no longer promises a frame too many: this test has lost its subject"
    )
    decoded = decode(path, short_side=48, max_frames=100)
    assert (decoded.verdict, decoded.promised, len(decoded.frames)) == ("repeated frames", 13, 12)
    assert np.array_equal(decoded.frames, sequential(path))


def test_a_repeated_last_frame_that_is_in_the_file_stays(tmp_path):
    video = moving(12)
    video[9:] = video[9]
    path = write(tmp_path / "a.mp4", video, "libx264")
    last = sequential(path)[-2:]
    assert np.array_equal(last[0], last[1])
    decoded = decode(path, short_side=48, max_frames=100)
    assert (decoded.verdict, len(decoded.frames)) == ("ok", 12)


def test_no_more_than_max_frames_and_a_short_side_that_is_only_ever_shrunk(tmp_path):
    path = write(tmp_path / "a.mp4", moving(20), "libx264", b_frames=2)
    decoded = decode(path, short_side=24, max_frames=7)
    assert (np.shape(decoded.frames), decoded.size, decoded.verdict) == (
        (7, 24, 32, 3),
        (24, 32),
        "ok",
    )
    assert (decoded.width, decoded.height) == (64, 48)
    full = np.stack(decode(path, short_side=480, max_frames=7).frames)
    assert np.array_equal(full, sequential(path)[:7])
    # shrinking by two averages about two by two pixels, so it keeps the mean; picking every other
    # pixel would alias the bar
    assert np.mean(decoded.frames) == pytest.approx(full.mean(), abs=1)


def test_seconds_and_the_hash_of_the_frames(tmp_path):
    path = write(tmp_path / "a.mp4", moving(20), "libx264", b_frames=2)
    full, small = (
        decode(path, short_side=48, max_frames=20),
        decode(path, short_side=24, max_frames=20),
    )
    assert (full.seconds, decode(path, short_side=48, max_frames=7).seconds) == (2.0, 0.7)
    # of the frames before resizing
    assert full.frames_hash == small.frames_hash
    assert full.frames_hash == hash_of(sequential(path))
    assert decode(path, short_side=48, max_frames=7).frames_hash == hash_of(sequential(path)[:7])
    nothing = decode(tmp_path / "absent.mp4", short_side=48, max_frames=7)
    assert (nothing.seconds, nothing.frames_hash) == (0.0, "")


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_size_that_changes_in_mid_stream_is_refused_though_decord_hides_it(tmp_path, codec):
    first = write(tmp_path / "a.ts", moving(10), codec).read_bytes()
    (tmp_path / "c.ts").write_bytes(
        first + write(tmp_path / "b.ts", moving(8, 64, 96), codec).read_bytes()
    )
    sizes = {frame.shape for frame in list(readers.decord_frames(tmp_path / "c.ts"))[1:]}
    assert sizes == {(48, 64, 3)}, (
        "decord no longer scales the frames: this test has lost its subject"
    )
    place = next(
        i for i, frame in enumerate(sequential(tmp_path / "c.ts")) if frame.shape != (48, 64, 3)
    )
    decoded = decode(tmp_path / "c.ts", short_side=32, max_frames=100)
    assert (
        decoded.verdict == f"refused: the picture size changes from 64x48 to 96x64 at frame {place}"
    )
    assert len(decoded.frames) == 0
    # it is not reached
    assert len(decode(tmp_path / "c.ts", short_side=32, max_frames=place - 1).frames) == place - 1


def test_frames_that_decord_repeats_are_believed_only_where_the_file_has_them(
    tmp_path, monkeypatch
):
    video = moving(20)
    video[5:9] = video[5]
    static = write(
        tmp_path / "static.mp4", video, "libx264", options={"crf": "0", "preset": "ultrafast"}
    )
    found = sequential(static)
    assert np.array_equal(found[6], found[5])
    decoded = decode(static, short_side=48, max_frames=100)
    assert (decoded.decoder, decoded.verdict) == ("decord", "ok")

    path = write(tmp_path / "a.mp4", moving(20), "libx264")
    honest = sequential(path)

    # as decord does with a damaged file: the last good frame again
    def lying(_):
        yield 20
        yield from [*honest[:10], *[honest[9]] * 3, *honest[13:]]

    monkeypatch.setattr(module, "decord_frames", lying)
    decoded = decode(path, short_side=48, max_frames=100)
    assert (decoded.decoder, decoded.verdict) == ("pyav", "ok")
    assert np.array_equal(decoded.frames, honest)


def test_a_truncated_matroska_file_is_short_though_it_announces_no_number(tmp_path):
    full = write(tmp_path / "a.mkv", moving(40), "libx264", options={"g": "5"})
    assert decode(full, short_side=48, max_frames=100).verdict == "ok"
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(full.read_bytes()[: full.stat().st_size * 2 // 3])
    decoded = decode(cut, short_side=48, max_frames=100)
    assert decoded.verdict == "short"
    assert 0 < len(decoded.frames) < 40
    assert decode(cut, short_side=48, max_frames=5).verdict == "ok"


def test_a_shrunk_frame_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = readers.resize(stripes, 16, 16)
    assert np.abs(small[:, 2:-2].astype(int) - 128).max() < 20


def test_av1_which_decord_cannot_read_is_decoded(tmp_path):
    path = write(tmp_path / "a.mp4", moving(5, 64), "libsvtav1", options={"preset": "9"})
    decoded = decode(path, short_side=64, max_frames=100)
    assert (decoded.verdict, decoded.decoder, decoded.codec, len(decoded.frames)) == (
        "ok",
        "pyav",
        "av1",
        5,
    )
    assert np.array_equal(decoded.frames, sequential(path))


def test_what_is_no_video_is_refused_with_a_reason(tmp_path):
    (tmp_path / "text.mp4").write_text("I am not a film.\n" * 50)
    (tmp_path / "empty.avi").write_bytes(b"")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        assert isinstance(stream, av.AudioStream)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    reasons = {
        "text.mp4": "Invalid data",
        "empty.avi": "",
        "sound.mp4": "no video stream",
        "absent.mp4": "no such file",
    }
    for name, reason in reasons.items():
        decoded = decode(tmp_path / name, short_side=48, max_frames=10)
        assert decoded.verdict.startswith(f"refused: {reason}")
        assert len(decoded.verdict) > len("refused: ")
        assert str(tmp_path) not in decoded.verdict
        assert (decoded.frames, decoded.size) == ([], (0, 0))


def test_damaged_files_get_a_verdict_and_the_frames_that_are_there(tmp_path):
    data = write(tmp_path / "a.avi", moving(40), "mpeg4", b_frames=1).read_bytes()
    start = data.index(b"movi")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: start + (len(data) - start) // 2])
    decoded = decode(cut, short_side=48, max_frames=100)
    assert (decoded.verdict, decoded.promised) == ("short", 40)
    assert 5 < len(decoded.frames) < 40
    assert np.array_equal(decoded.frames, sequential(cut))
    assert decode(cut, short_side=48, max_frames=3).verdict == "ok"

    film = write(tmp_path / "a.mp4", moving(40), "libx264", options={"g": "10"}).read_bytes()
    # its index lies at the end
    half = tmp_path / "half.mp4"
    half.write_bytes(film[: len(film) // 2])
    assert decode(half, short_side=48, max_frames=100).verdict.startswith("refused: ")

    # an index without half of the pictures
    hole = tmp_path / "hole.mp4"
    middle, end = film.index(b"mdat") + len(film) // 3, film.index(b"moov")
    hole.write_bytes(film[:middle] + bytes(end - middle) + film[end:])
    results = [decode(hole, short_side=48, max_frames=100) for _ in range(5)]
    assert results[0].verdict == "short"
    assert 0 < len(results[0].frames) < 40
    # decord loses frames at random here
    assert len({np.stack(result.frames).tobytes() for result in results}) == 1


def test_hash_is_that_of_the_file(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert decode(tmp_path / "a.mp4", short_side=48, max_frames=1).sha256 == expected


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mov"])
@pytest.mark.parametrize("larger_first", [False, True])
def test_all_facts_are_those_of_one_of_two_video_streams(tmp_path, name, larger_first):
    path = tmp_path / name
    small, large = ("mpeg4", 10, moving(20)), ("libx264", 25, moving(60, 72, 96))
    write_two(path, *((large, small) if larger_first else (small, large)))
    decoded = decode(path, short_side=100, max_frames=100)
    with av.open(str(path)) as container:
        best = container.streams.best("video")
        assert isinstance(best, av.VideoStream)
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(best)]
    assert (decoded.verdict, decoded.decoder) == ("ok", "pyav")
    assert np.array_equal(decoded.frames, expected)
    facts = (decoded.codec, decoded.fps, decoded.height, decoded.width, len(decoded.frames))
    assert facts in (("mpeg4", 10, 48, 64, 20), ("h264", 25, 72, 96, 60))
    # Matroska announces no number of frames
    assert decoded.promised == (0 if name == "a.mkv" else len(decoded.frames))
    assert decoded.seconds == pytest.approx(len(decoded.frames) / decoded.fps, abs=1e-3)


def test_decord_has_another_choice_of_the_best_stream_than_pyav(tmp_path):
    path = tmp_path / "a.mp4"
    write_two(path, ("mpeg4", 10, moving(20)), ("libx264", 25, moving(60, 72, 96)))
    assert next(readers.decord_frames(path)) == 60, "decord now agrees: give it such files again"
    assert next(readers.pyav_frames(path)) == 20


def test_more_frames_announced_than_the_file_has_bytes_are_none_of_decords_business(tmp_path):
    path = write(tmp_path / "a.avi", moving(20), "mpeg4")
    full = path.read_bytes()
    # decord makes room for every frame that an AVI file's header (dwLength of the stream)
    # announces, and dies
    place = full.index(b"strh") + 8 + 32
    assert int.from_bytes(full[place : place + 4], "little") == 20
    path.write_bytes(full[:place] + (3_000_000_000).to_bytes(4, "little") + full[place + 4 :])
    decoded = decode(path, short_side=48, max_frames=100)
    assert (decoded.verdict, decoded.decoder, len(decoded.frames)) == ("short", "pyav", 20)
    assert np.array_equal(decoded.frames, sequential(path))


def test_files_longer_than_what_is_wanted_are_pyavs(tmp_path):
    """decord decodes ahead: damage behind the last wanted frame may stop it or not.

    The table would change from run to run.
    """
    path = write(tmp_path / "a.mp4", moving(20), "libx264")
    answers = [decode(path, short_side=48, max_frames=most) for most in (19, 20, 21)]
    assert [(a.verdict, a.decoder, len(a.frames)) for a in answers] == [
        ("ok", "pyav", 19),
        ("ok", "decord", 20),
        ("ok", "decord", 20),
    ]
    assert np.array_equal(answers[0].frames, answers[1].frames[:19])


def test_an_error_in_what_frames_are_made_into_is_no_verdict_on_the_video(tmp_path):
    path = write(tmp_path / "a.mp4", moving(3), "libx264")

    def full(frame: np.ndarray) -> bytes:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        decode(path, short_side=48, max_frames=10, convert=full)
