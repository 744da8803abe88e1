"""One video file to frames, in order, once: what the file holds, and an honest verdict where that is less than it promises.

decord reads strictly forwards: its random access returns wrong frames on AVI files with B-frames. On such files it also promises one
frame more than there is and silently repeats the last one; in damaged files it puts the last good frame in place of bad ones. So where
decord's reading has equal neighbours, PyAV, which counts honestly, has the last word: a surplus tail is cut off, and where the frames
themselves differ PyAV's are taken. PyAV also decodes what decord refuses (AV1) or breaks off at, and finds the pictures that change
their size in mid-stream, which decord hides by scaling them. Where both decode the same picture the pixels are equal, but for rounding
in XviD streams (2 levels in a few pixels) and the interpolation of colour in 10-bit and odd-sized 4:2:0 video.
"""

import hashlib
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import decord
import numpy as np
from av.container import InputContainer
from PIL import Image

decord.logging.set_level(decord.logging.QUIET)


@dataclass(frozen=True)
class Decoded:
    """A decoded video.

    frames: uint8 (t h w c), RGB, upright; no frames at all where the video was refused.
    promised: frames announced by the container or by decord, the larger number; 0 where nothing is announced.
    fps: average frames per second; 0 where unknown.
    width, height: of the upright pictures before any resizing, pixels.
    codec: as FFmpeg names it. decoder: "decord", "pyav", or "" where the video was refused.
    verdict: "ok" | "short" (there are fewer frames than the container announces, or the file ends before the duration that it announces,
        or decoding broke off) | "repeated frames" (a surplus repeated tail was dropped) | "refused: <reason>".
    sha256: of the file. frames_sha256: of the SHA-256 of each decoded frame's shape and bytes before resizing, in order; "" where refused.
    """

    frames: np.ndarray
    promised: int
    fps: float
    width: int
    height: int
    codec: str
    decoder: str
    verdict: str
    sha256: str
    frames_sha256: str = ""

    @property
    def seconds(self) -> float:
        """Duration of the decoded frames; 0 where the frame rate is unknown."""
        return round(len(self.frames) / self.fps, 3) if self.fps else 0.0


class _SizeChange(Exception):
    """A picture of another size than the first."""


@dataclass(frozen=True)
class _Reading:
    """Frames of one decoder, resized, and the hash of each before that; `broken` says why it stopped early, `refused` why none count."""

    frames: list[np.ndarray]
    hashes: list[bytes]
    promised: int
    width: int
    height: int
    broken: str
    refused: str

    @property
    def repeats(self) -> set[int]:
        """Positions of the frames that equal the one before."""
        return {i for i in range(1, len(self.hashes)) if self.hashes[i] == self.hashes[i - 1]}


def decode(path: Path, *, short_side: int, max_frames: int) -> Decoded:
    """Decode the first `max_frames` frames, the short side resized to `short_side` where it is longer (aspect kept, antialiased).

    Never raises for a bad video: the verdict says what is wrong with it.
    """
    if not path.is_file():
        return _refused("no such file", "", "")
    sha256 = _file_hash(path)
    try:
        with _open(path) as container:
            if not container.streams.video:
                return _refused("no video stream", "", sha256)
            stream = container.streams.video[0]
            if stream.codec_context is None:
                return _refused("no decoder for its codec", "", sha256)
            codec, announced = stream.codec_context.codec.canonical_name, stream.frames
            fps = float(stream.average_rate or stream.guessed_rate or 0)
    except Exception as error:  # whatever a decoder raises at a bad file is that file's verdict
        return _refused(_reason(error), "", sha256)

    decoder, reading = "decord", _read(_decord_frames, path, short_side, max_frames)
    honest, repeats = len(reading.frames), reading.repeats
    if reading.broken:  # how far decord gets in a damaged file is a race between its threads, so PyAV decides
        believed = False
    elif repeats:
        honest, believed = _recount(path, repeats, honest, max_frames)
    else:
        believed = _holds_no_more(path, codec, honest, max_frames)
    if not believed:
        decoder, reading = "pyav", _read(_pyav_frames, path, short_side, max_frames)
        honest = len(reading.frames)
    if reading.refused or not honest:
        return _refused(reading.refused or reading.broken or "no frame could be decoded", codec, sha256)

    reached = reading.promised if decoder == "decord" else honest
    if reading.broken or reached < min(announced, max_frames) or (honest < max_frames and _ends_early(path)):
        verdict = "short"
    else:
        verdict = "ok" if honest == len(reading.frames) else "repeated frames"
    return Decoded(
        frames=np.stack(reading.frames[:honest]),
        promised=max(announced, reading.promised),
        fps=fps,
        width=reading.width,
        height=reading.height,
        codec=codec,
        decoder=decoder,
        verdict=verdict,
        sha256=sha256,
        frames_sha256=hashlib.sha256(b"".join(reading.hashes[:honest])).hexdigest(),
    )


def _refused(reason: str, codec: str, sha256: str) -> Decoded:
    return Decoded(np.zeros((0, 0, 0, 3), np.uint8), 0, 0.0, 0, 0, codec, "", f"refused: {reason}", sha256)


def _read(source: Callable[[Path], Generator], path: Path, short_side: int, max_frames: int) -> _Reading:
    """Run a frame source, which yields first the promised count and then RGB frames, until its end, `max_frames`, or an error."""
    frames: list[np.ndarray] = []
    hashes: list[bytes] = []
    promised = width = height = 0
    broken = refused = ""
    stream = source(path)
    try:
        promised = next(stream)
        for frame in stream:
            if frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(f"a frame of shape {frame.shape}")  # decord does this to pictures a few pixels wide
            if not frames:
                height, width = frame.shape[:2]
            elif frame.shape[:2] != (height, width):
                size = f"{frame.shape[1]}x{frame.shape[0]}"
                raise _SizeChange(f"the picture size changes from {width}x{height} to {size} at frame {len(frames)}")
            hashes.append(_frame_hash(frame))
            frames.append(_resize(frame, *_target(width, height, short_side)))
            if len(frames) == max_frames:
                break
    except _SizeChange as error:
        refused = str(error)
    except Exception as error:  # as above: a decoder's error is a verdict
        broken = _reason(error)
    finally:
        stream.close()
    return _Reading(frames, hashes, promised, width, height, broken, refused)


def _decord_frames(path: Path) -> Generator:
    reader = decord.VideoReader(str(path), num_threads=1)  # opened where it is used: a reader made before a fork hangs
    yield len(reader)
    for position in range(len(reader)):
        try:
            frame = reader.next()
        except StopIteration:
            raise EOFError(f"decord stopped at frame {position} of {len(reader)}") from None
        yield frame.asnumpy()


def _pyav_frames(path: Path) -> Generator:
    with _open(path) as container:
        stream = container.streams.video[0]
        yield stream.frames
        for frame in container.decode(stream):
            # decord turns pictures upright itself; a rotation that is no quarter turn is a damaged header
            quarters = frame.rotation // 90 if frame.rotation in (-270, -180, -90, 90, 180, 270) else 0
            yield np.rot90(frame.to_ndarray(format="rgb24"), quarters)


def _recount(path: Path, repeats: set[int], decoded: int, most: int) -> tuple[int, bool]:
    """Frames that PyAV decodes, counted up to `most`, and whether decord's `decoded` frames, equal neighbours at `repeats`, are those.

    They are where PyAV repeats the same ones, all pictures have one size, and what decord has beyond them is a repeated tail.
    """
    found, before, size, alike = 0, np.empty(0), None, True
    try:
        with _open(path) as container:
            for frame in container.decode(container.streams.video[0]):
                size = size or (frame.width, frame.height)
                near = found in repeats or found + 1 in repeats
                picture = frame.to_ndarray(format="rgb24") if near else np.empty(0)
                repeated = found not in repeats or np.array_equal(picture, before)
                alike = alike and repeated and size == (frame.width, frame.height)
                before = picture
                found += 1
                if found == most:
                    break
    except Exception:  # as above: what PyAV fails at is for its whole reading to judge
        return found, False
    return found, alike and found <= decoded and set(range(found, decoded)) <= repeats


def _holds_no_more(path: Path, codec: str, found: int, most: int) -> bool:
    """Whether the file's first `most` packets are no more than the `found` frames, and all pictures have one size.

    Most codecs can change the size at key frames only, so only these are decoded.
    """
    sizes, packets = set(), 0
    try:
        with _open(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "DEFAULT" if codec == "vp9" else "NONKEY"
            for packet in container.demux(stream):
                if packets == most:
                    break
                packets += packet.size > 0  # an empty one ends the stream
                sizes |= {(frame.width, frame.height) for frame in packet.decode()}
    except Exception:  # as above: what PyAV fails at is for its whole reading to judge
        return False
    return len(sizes) <= 1 and packets <= found


def _ends_early(path: Path) -> bool:
    """Whether a Matroska file, which announces a duration and no number of frames, ends more than a quarter of a second before that."""
    try:
        with _open(path) as container:
            stream = container.streams.video[0]
            announced = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
            if announced is None or stream.time_base is None:
                return False
            hours, minutes, seconds = map(float, announced.groups())
            ends = [packet.pts + (packet.duration or 0) for packet in container.demux(stream) if packet.pts is not None]
            return max(ends, default=0) * stream.time_base < 3600 * hours + 60 * minutes + seconds - 0.25
    except Exception:  # as above: a file that cannot be read to its end ends early
        return True


def _open(path: Path) -> InputContainer:
    # HMDB51 has files whose tags are not valid UTF-8
    container = av.open(str(path), metadata_errors="replace")
    for stream in container.streams.video:
        if stream.codec_context is not None:  # None: of a codec that is unknown
            stream.codec_context.thread_count = 1
    return container


def _target(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) with the short side at most `short_side`."""
    short = min(width, height)
    if short <= short_side:
        return width, height
    return (max(1, round(width * short_side / short)), max(1, round(height * short_side / short)))


def _resize(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    if frame.shape[:2] == (height, width):
        return np.ascontiguousarray(frame)
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))


def _frame_hash(frame: np.ndarray) -> bytes:
    digest = hashlib.sha256(str(frame.shape).encode())
    digest.update(np.ascontiguousarray(frame).data)
    return digest.digest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """The error in a few words, free of the file's own path (verdicts are compared between machines)."""
    if isinstance(error, av.error.FFmpegError):
        return str(error.strerror)  # the message proper, without errno and path
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][-120:]}" if lines else type(error).__name__
