"""One video file to frames, in order, once: what the file holds, and an honest verdict where that is less than it promises.

decord reads strictly forwards: its random access returns wrong frames on AVI files with B-frames. On such files it also promises one
frame more than there is and silently repeats the last one; damaged files get many such repeats. PyAV, which counts honestly, then
says how many to keep. PyAV also decodes what decord refuses (AV1) or breaks off at.
"""

import hashlib
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
    verdict: "ok" | "short" (there are fewer frames than the container announces, or decoding broke off) | "repeated frames" (a surplus
        repeated tail was dropped) | "refused: <reason>".
    sha256: of the file.
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


@dataclass(frozen=True)
class _Reading:
    """Frames of one decoder, resized; `repeats` equal ones at the end beyond the first of them; `broken` says why it stopped early."""

    frames: list[np.ndarray]
    promised: int
    width: int
    height: int
    repeats: int
    broken: str


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
            codec, announced = stream.codec_context.codec.canonical_name, stream.frames
            fps = float(stream.average_rate or stream.guessed_rate or 0)
    except Exception as error:  # whatever a decoder raises at a bad file is that file's verdict
        return _refused(_reason(error), "", sha256)

    decoder, reading = "decord", _read(_decord_frames, path, short_side, max_frames)
    if reading.broken:  # how far decord gets in a damaged file is a race between its threads, so PyAV decides
        decoder, reading = "pyav", _read(_pyav_frames, path, short_side, max_frames)
    if not reading.frames:
        return _refused(reading.broken or "no frame could be decoded", codec, sha256)

    frames = reading.frames
    reached = reading.promised if decoder == "decord" else len(frames)
    verdict = "short" if reading.broken or reached < min(announced, max_frames) else "ok"
    if decoder == "decord" and reading.repeats:
        honest = max(_count(path, len(frames)), len(frames) - reading.repeats)
        if honest < len(frames):
            frames, verdict = frames[:honest], "repeated frames" if verdict == "ok" else verdict
    return Decoded(
        frames=np.stack(frames),
        promised=max(announced, reading.promised),
        fps=fps,
        width=reading.width,
        height=reading.height,
        codec=codec,
        decoder=decoder,
        verdict=verdict,
        sha256=sha256,
    )


def _refused(reason: str, codec: str, sha256: str) -> Decoded:
    return Decoded(np.zeros((0, 0, 0, 3), np.uint8), 0, 0.0, 0, 0, codec, "", f"refused: {reason}", sha256)


def _read(source: Callable[[Path], Generator], path: Path, short_side: int, max_frames: int) -> _Reading:
    """Run a frame source, which yields first the promised count and then RGB frames, until its end, `max_frames`, or an error."""
    frames: list[np.ndarray] = []
    promised = width = height = repeats = 0
    broken, before = "", None
    stream = source(path)
    try:
        promised = next(stream)
        for frame in stream:
            if frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(f"a frame of shape {frame.shape}")  # decord does this to pictures a few pixels wide
            if before is None:
                height, width = frame.shape[:2]
            repeats = repeats + 1 if before is not None and np.array_equal(frame, before) else 0
            before = frame
            frames.append(_resize(frame, *_target(width, height, short_side)))
            if len(frames) == max_frames:
                break
    except Exception as error:  # as above: a decoder's error is a verdict
        broken = _reason(error)
    finally:
        stream.close()
    return _Reading(frames, promised, width, height, repeats, broken)


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


def _count(path: Path, most: int) -> int:
    """Frames that PyAV decodes, counted up to `most`."""
    found = 0
    try:
        with _open(path) as container:
            for _ in container.decode(container.streams.video[0]):
                found += 1
                if found == most:
                    break
    except Exception:  # as above: frames after an error in the stream do not exist
        return found
    return found


def _open(path: Path) -> InputContainer:
    # HMDB51 has files whose tags are not valid UTF-8
    container = av.open(str(path), metadata_errors="replace")
    for stream in container.streams.video:
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


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """The error in a few words, free of the file's own path (verdicts are compared between machines)."""
    if isinstance(error, av.error.FFmpegError):
        return str(error.strerror)  # the message proper, without errno and path
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][-120:]}" if lines else type(error).__name__
