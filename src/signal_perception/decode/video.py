"""One video file to frames, in order, once, with an honest verdict.

On AVI files with B-frames decord promises one frame more than there is and silently repeats the
last one; in damaged files it puts the last good frame in place of bad ones. So where decord's
reading has equal neighbours, PyAV, which counts honestly, has the last word: a surplus tail is cut
off, and where the frames themselves differ PyAV's are taken. PyAV also decodes what decord refuses
(AV1) or breaks off at, and finds the pictures that change their size in mid-stream, which decord
hides by scaling them.

Four kinds of files are not given to decord at all:

- those longer than `max_frames`: it decodes ahead of what is asked for, so that damage behind the
  last wanted frame stops it or does not, as its threads run;
- those whose header announces more frames than the file has bytes: it makes room for all of them
  and crashes;
- those with several video streams: frames, rate, codec and count are to come from one of them, and
  decord does not say which it takes;
- those whose frames fill more than 2 GiB together, since it may hold them all, and those whose
  first bytes are not a video's.

What is refused or short is decoded a second time, and believed where it is the same again and the
file can be read whole: a hiccup of the machine is no verdict.

Where both decode the same picture the pixels are equal, but for rounding in XviD streams (2 levels
in a few pixels) and the interpolation of colour in 10-bit and odd-sized 4:2:0 video.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

import numpy as np

from signal_perception.decode import limits, machine
from signal_perception.decode.packets import Scan, scan
from signal_perception.decode.readers import (
    Frame,
    Reading,
    decord_frames,
    pyav_frames,
    read,
    reason,
    recount,
    shrunk_size,
)
from signal_perception.decode.special import no_file
from signal_perception.vocabulary import REFUSED

# Verdicts that are not asked twice.
_FINE = ("ok", "repeated frames")


@dataclass(frozen=True)
class Decoded(Generic[Frame]):
    """A decoded video; all facts are those of one stream of the file.

    frames: as they were converted; none at all where the video was refused.
    size: their height and width, pixels.
    promised: frames announced by the container or by decord, the larger number; 0 where nothing is
        announced.
    fps: average frames per second; 0 where unknown.
    width, height: of the upright pictures before any resizing, pixels.
    codec: as FFmpeg names it. decoder: "decord", "pyav", or "" where the video was refused.
    verdict: "ok" | "short" (there are fewer frames than the container announces, or the file ends
        before the duration that it announces, or decoding broke off) | "repeated frames" (a surplus
        repeated tail was dropped) | "refused: <reason>".
    sha256: of the file.
    frames_hash: SHA-256 of the frames' shape before resizing and of the XXH3-128 digest of each
        frame's pixels, in order; "" where refused.
    """

    frames: list[Frame]
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


def decode(
    path: Path,
    *,
    short_side: int,
    max_frames: int,
    convert: Callable[[np.ndarray], Frame] = np.ascontiguousarray,
) -> Decoded[Frame]:
    """Decode the first `max_frames` frames of a video.

    A short side longer than `short_side` is resized to it (aspect kept, antialiased).

    convert: what is made of each frame, uint8 (h w c), RGB, upright, as soon as it is there; whole
        videos are held in pixels only if that is what it makes.

    Never raises for a bad video: the verdict says what is wrong with it. UserError for a fault of
    the machine.
    """
    if why := no_file(path):
        return _refused(why, "", "")
    sha256 = machine.file_hash(path)
    settings = {"short_side": short_side, "max_frames": max_frames}
    try:
        with limits.bounded_memory(path):
            decoded = _decode(path, sha256, convert=convert, **settings)
        if decoded.verdict not in _FINE:
            machine.refuse_an_unreadable_file(path, sha256)
            with limits.bounded_memory(path):
                again = _decode(path, sha256, convert=_no_frame, **settings)
            if _facts(again) != _facts(decoded):
                answers = f"decoding gave {decoded.verdict!r}, then {again.verdict!r}"
                raise machine.unsteady(path, answers)
    except MemoryError as error:
        raise machine.fault(error, path) from None
    return decoded


def _no_frame(_: np.ndarray) -> bytes:
    return b""


def _facts(decoded: Decoded) -> Decoded:
    """All that is known of a video but its frames."""
    return replace(decoded, frames=[None] * len(decoded.frames))


def _decode(
    path: Path,
    sha256: str,
    *,
    short_side: int,
    max_frames: int,
    convert: Callable[[np.ndarray], Frame],
) -> Decoded[Frame]:
    """The answer of one try."""
    try:
        found = scan(path, max_frames)
    # whatever a decoder raises at a bad file is that file's verdict
    except Exception as error:
        machine.raise_if_its_own(error, path)
        return _refused(reason(error), "", sha256)
    if found.refused:
        return _refused(found.refused, "", sha256)
    decoder, reading, honest = _best_reading(path, found, short_side, max_frames, convert)
    if reading.refused or not honest:
        why = reading.refused or reading.broken or "no frame could be decoded"
        return _refused(why, found.codec, sha256)
    return Decoded(
        frames=reading.frames[:honest],
        size=shrunk_size(reading.height, reading.width, short_side),
        promised=max(found.announced, reading.promised),
        fps=found.fps,
        width=reading.width,
        height=reading.height,
        codec=found.codec,
        decoder=decoder,
        verdict=_verdict(found, decoder, reading, honest, max_frames),
        sha256=sha256,
        frames_hash=_frames_hash(reading, honest),
    )


def refuse(path: Path, why: str) -> Decoded:
    """The answer for a file that is not to be tried."""
    return _refused(why, "", machine.file_hash(path))


def _refused(why: str, codec: str, sha256: str) -> Decoded:
    return Decoded([], (0, 0), 0, 0.0, 0, 0, codec, "", f"{REFUSED}: {why}", sha256)


def _best_reading(
    path: Path,
    found: Scan,
    short_side: int,
    max_frames: int,
    convert: Callable[[np.ndarray], Frame],
) -> tuple[str, Reading[Frame], int]:
    """The decoder that is believed, its reading, and how many of its frames there really are.

    It is decord where PyAV finds no fault with it.
    """
    if found.plain:
        reading = read(decord_frames, path, short_side, max_frames, convert)
        if reading.broken:
            machine.refuse_scarcity(path)
        honest = _honest(path, found, reading, max_frames)
        if honest is not None:
            return "decord", reading, honest
    reading = read(pyav_frames, path, short_side, max_frames, convert)
    return "pyav", reading, len(reading.frames)


def _honest(path: Path, found: Scan, reading: Reading, max_frames: int) -> int | None:
    """How many of decord's frames there really are; None where it is not to be believed."""
    decoded, repeats = len(reading.frames), reading.repeats
    # how far decord gets in a damaged file is a race between its threads
    if reading.broken:
        return None
    # no surplus, or that of HMDB51's files: what is more than there are packets repeats the last
    if found.packets <= decoded and repeats == set(range(found.packets, decoded)):
        return found.packets
    if repeats:
        honest, alike = recount(path, repeats, decoded, max_frames)
        return honest if alike else None
    return decoded if found.packets <= decoded else None


def _verdict(found: Scan, decoder: str, reading: Reading, honest: int, max_frames: int) -> str:
    reached = reading.promised if decoder == "decord" else honest
    announces_more = reached < min(found.announced, max_frames)
    if reading.broken or announces_more or (honest < max_frames and found.ends_early):
        return "short"
    return "ok" if honest == len(reading.frames) else "repeated frames"


def _frames_hash(reading: Reading, frames: int) -> str:
    digest = hashlib.sha256(f"{reading.height}x{reading.width}".encode())
    digest.update(b"".join(reading.hashes[:frames]))
    return digest.hexdigest()
