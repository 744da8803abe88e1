"""One video file to frames, in order, once: what the file holds, and an honest verdict where that is less than it promises.

decord reads strictly forwards: its random access returns wrong frames on AVI files with B-frames. On such files it also promises one
frame more than there is and silently repeats the last one; in damaged files it puts the last good frame in place of bad ones. So where
decord's reading has equal neighbours, PyAV, which counts honestly, has the last word: a surplus tail is cut off, and where the frames
themselves differ PyAV's are taken. PyAV also decodes what decord refuses (AV1) or breaks off at, and finds the pictures that change
their size in mid-stream, which decord hides by scaling them.

Two kinds of files are not given to decord at all. Those longer than `max_frames`: it decodes ahead of what is asked for, so that damage
behind the last wanted frame stops it or does not, as its threads run. And those whose header announces more frames than the file has
bytes: it makes room for all of them and crashes.

Where both decode the same picture the pixels are equal, but for rounding in XviD streams (2 levels in a few pixels) and the interpolation
of colour in 10-bit and odd-sized 4:2:0 video.
"""

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import av
import av.error
import decord
import numpy as np
import xxhash
from PIL import Image

from signal_perception.data.scan import Scan, open_video, scan

decord.logging.set_level(decord.logging.QUIET)

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Decoded(Generic[Kept]):
    """A decoded video.

    frames: what was kept of each frame; none at all where the video was refused. size: their height and width, pixels.
    promised: frames announced by the container or by decord, the larger number; 0 where nothing is announced.
    fps: average frames per second; 0 where unknown.
    width, height: of the upright pictures before any resizing, pixels.
    codec: as FFmpeg names it. decoder: "decord", "pyav", or "" where the video was refused.
    verdict: "ok" | "short" (there are fewer frames than the container announces, or the file ends before the duration that it announces,
        or decoding broke off) | "repeated frames" (a surplus repeated tail was dropped) | "refused: <reason>".
    sha256: of the file. frames_hash: SHA-256 of the frames' shape before resizing and of the XXH3-128 digest of each frame's pixels, in
        order; "" where refused.
    """

    frames: list[Kept]
    size: tuple[int, int]
    promised: int
    fps: float
    width: int
    height: int
    codec: str
    decoder: str
    verdict: str
    sha256: str
    frames_hash: str = ""

    @property
    def seconds(self) -> float:
        """Duration of the decoded frames; 0 where the frame rate is unknown."""
        return round(len(self.frames) / self.fps, 3) if self.fps else 0.0


@dataclass(frozen=True)
class _Reading(Generic[Kept]):
    """What was kept of one decoder's frames, the hash of each before that, why it stopped early (`broken`), why none count (`refused`)."""

    frames: list[Kept]
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


def decode(
    path: Path, *, short_side: int, max_frames: int, keep: Callable[[np.ndarray], Kept] = np.ascontiguousarray
) -> Decoded[Kept]:
    """Decode the first `max_frames` frames, the short side resized to `short_side` where it is longer (aspect kept, antialiased).

    keep: what is made of each frame, uint8 (h w c), RGB, upright, as soon as it is there; whole videos are never held in pixels unless
        that is what it keeps.

    Never raises for a bad video: the verdict says what is wrong with it.
    """
    if not path.is_file():
        return _refused("no such file", "", "")
    sha256 = _file_hash(path)
    try:
        found = scan(path, max_frames)
    except Exception as error:  # whatever a decoder raises at a bad file is that file's verdict
        return _refused(_reason(error), "", sha256)
    if found.refused:
        return _refused(found.refused, "", sha256)
    decoder, reading, honest = _best(path, found, short_side, max_frames, keep)
    if reading.refused or not honest:
        return _refused(reading.refused or reading.broken or "no frame could be decoded", found.codec, sha256)

    reached = reading.promised if decoder == "decord" else honest
    if reading.broken or reached < min(found.announced, max_frames) or (honest < max_frames and found.ends_early):
        verdict = "short"
    else:
        verdict = "ok" if honest == len(reading.frames) else "repeated frames"
    return Decoded(
        frames=reading.frames[:honest],
        size=_target(reading.height, reading.width, short_side),
        promised=max(found.announced, reading.promised),
        fps=found.fps,
        width=reading.width,
        height=reading.height,
        codec=found.codec,
        decoder=decoder,
        verdict=verdict,
        sha256=sha256,
        frames_hash=_video_hash(reading, honest),
    )


def refuse(path: Path, reason: str) -> Decoded:
    """The answer for a file that is not to be tried."""
    return _refused(reason, "", _file_hash(path))


def _refused(reason: str, codec: str, sha256: str) -> Decoded:
    return Decoded([], (0, 0), 0, 0.0, 0, 0, codec, "", f"refused: {reason}", sha256)


def _best(
    path: Path, scanned: Scan, short_side: int, max_frames: int, keep: Callable[[np.ndarray], Kept]
) -> tuple[str, _Reading[Kept], int]:
    """The decoder that is believed, its reading, and how many of its frames there really are: decord where PyAV finds no fault with it."""
    if scanned.plain:
        reading = _read(_decord_frames, path, short_side, max_frames, keep)
        found, repeats = len(reading.frames), reading.repeats
        if reading.broken:
            pass  # how far decord gets in a damaged file is a race between its threads
        elif scanned.packets <= found and repeats == set(range(scanned.packets, found)):
            # no surplus, or that of HMDB51's files: what is more than there are packets repeats the last frame
            return "decord", reading, scanned.packets
        elif repeats:
            honest, alike = _recount(path, repeats, found, max_frames)
            if alike:
                return "decord", reading, honest
        elif scanned.packets <= found:
            return "decord", reading, found
    reading = _read(_pyav_frames, path, short_side, max_frames, keep)
    return "pyav", reading, len(reading.frames)


def _read(
    source: Callable[[Path], Generator],
    path: Path,
    short_side: int,
    max_frames: int,
    keep: Callable[[np.ndarray], Kept],
) -> _Reading[Kept]:
    """Run a frame source, which yields first the promised count and then RGB frames, until its end, `max_frames`, or an error."""
    frames: list[Kept] = []
    hashes: list[bytes] = []
    promised = height = width = 0
    broken = refused = ""
    stream = source(path)
    while len(frames) < max_frames:
        try:
            promised = promised if frames else next(stream)
            frame = next(stream)
        except StopIteration:
            break
        except Exception as error:  # as above: a decoder's error is a verdict
            broken = _reason(error)
            break
        if frame.ndim != 3 or frame.shape[2] != 3:
            broken = f"a frame of shape {frame.shape}"  # decord does this to pictures a few pixels wide
            break
        if not frames:
            height, width = frame.shape[:2]
        elif frame.shape[:2] != (height, width):
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            refused = f"the picture size changes from {width}x{height} to {size} at frame {len(frames)}"
            break
        frame = np.ascontiguousarray(frame)
        hashes.append(xxhash.xxh3_128_digest(frame.data))
        frames.append(keep(_resize(frame, *_target(height, width, short_side))))
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
    with open_video(path) as container:
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
        with open_video(path) as container:
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


def _target(height: int, width: int, short_side: int) -> tuple[int, int]:
    """(height, width) with the short side at most `short_side`."""
    short = min(height, width)
    if short <= short_side:
        return height, width
    return (max(1, round(height * short_side / short)), max(1, round(width * short_side / short)))


def _resize(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))


def _video_hash(reading: _Reading, frames: int) -> str:
    digest = hashlib.sha256(f"{reading.height}x{reading.width}".encode())
    digest.update(b"".join(reading.hashes[:frames]))
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """The error in a few words, free of the file's own path (verdicts are compared between machines)."""
    if isinstance(error, av.error.FFmpegError):
        return str(error.strerror)  # the message proper, without errno and path
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][-120:]}" if lines else type(error).__name__
