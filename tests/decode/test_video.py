"""Decoding: the frames of a plain sequential reading and not one more.

And a verdict for everything that is not a video.
"""

import csv
from fractions import Fraction
from hashlib import sha256
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import xxhash

from signal_perception.decode import readers
from signal_perception.decode import video as module
from signal_perception.decode.video import decode


def moving(frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A bright bar that moves over coarse noise: uint8 (t h w c).

    Every frame is unlike its neighbours.
    """
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    video = np.tile(noise.repeat(8, axis=0).repeat(8, axis=1), (frames, 1, 1, 1))
    for i in range(frames):
        video[i, :, (4 * i) % width : (4 * i) % width + 6, 0] = 255
    return video


def write(
    path: Path,
    video: np.ndarray,
    codec: str,
    *,
    b_frames: int = 0,
    surplus: bool = False,
    options: dict | None = None,
) -> Path:
    """Encode a video.

    surplus: end it with an empty MPEG-4 picture, as DivX does: counted by decord, decoded by
        nobody.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(10), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        packets = [
            p
            for frame in video
            for p in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
        ]
        packets += stream.encode()
        if surplus:
            # a VOP with vop_coded = 0
            empty = av.Packet(bytes([0, 0, 1, 0xB6, 0x5F, 0x9F]))
            empty.stream, empty.time_base = stream, packets[-1].time_base
            empty.pts, empty.dts = len(video), (packets[-1].dts or 0) + 1
            packets.append(empty)
        for packet in packets:
            container.mux(packet)
    return path


def write_two(path: Path, *streams: tuple[str, int, np.ndarray]) -> None:
    """Encode several video streams, (codec, frames per second, frames) each, into one file."""
    packets = []
    with av.open(str(path), "w") as container:
        made = []
        for codec, fps, frames in streams:
            stream = container.add_stream(codec, rate=Fraction(fps))
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            made.append((stream, frames))
        for stream, frames in made:
            for frame in frames:
                packets += stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
            packets += stream.encode()
        for packet in sorted(packets, key=lambda each: (each.dts or 0) * each.time_base):
            container.mux(packet)


def sequential(path: Path) -> list[np.ndarray]:
    """What PyAV makes of a file when it is read from beginning to end."""
    with av.open(str(path), metadata_errors="replace") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def hash_of(frames: list[np.ndarray]) -> str:
    height, width = frames[0].shape[:2]
    digests = b"".join(xxhash.xxh3_128(frame.tobytes()).digest() for frame in frames)
    return sha256(f"{height}x{width}".encode() + digests).hexdigest()


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
