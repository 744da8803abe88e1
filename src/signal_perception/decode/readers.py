"""The two decoders as sources of RGB frames, strictly forwards, each running until a fault.

decord's random access returns wrong frames on AVI files with B-frames, so it is never used.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import av.error
import decord
import numpy as np
import xxhash
from PIL import Image

from signal_perception.decode import limits, machine
from signal_perception.decode.packets import NotAVideo, best_stream, open_video

decord.logging.set_level(decord.logging.QUIET)

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Reading(Generic[Frame]):
    """What one decoder made of a file.

    frames: as they were converted. hashes: XXH3-128 digest of the pixels of each before that.
    promised: frames that the decoder announced. width, height: of the upright pictures, pixels.
    broken: why it stopped early. refused: why none of its frames counts.
    """

    frames: list[Frame]
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


def read(
    source: Callable[[Path], Generator],
    path: Path,
    short_side: int,
    max_frames: int,
    convert: Callable[[np.ndarray], Frame],
) -> Reading[Frame]:
    """Run `decord_frames` or `pyav_frames` until its end, `max_frames`, or an error.

    The short side of longer frames is resized to `short_side`, then `convert` has them.
    """
    frames: list[Frame] = []
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
        # a decoder's error, whatever it is, is a verdict
        except Exception as error:
            machine.raise_if_its_own(error, path)
            broken = reason(error)
            break
        # decord does this to pictures a few pixels wide
        if frame.ndim != 3 or frame.shape[2] != 3:
            broken = f"a frame of shape {frame.shape}"
            break
        if not frames:
            height, width = frame.shape[:2]
            if refused := limits.too_large(width, height):
                break
        elif frame.shape[:2] != (height, width):
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            refused = (
                f"the picture size changes from {width}x{height} to {size} at frame {len(frames)}"
            )
            break
        frame = np.ascontiguousarray(frame)
        hashes.append(xxhash.xxh3_128_digest(frame.data))
        frames.append(convert(resize(frame, *shrunk_size(height, width, short_side))))
    stream.close()
    return Reading(frames, hashes, promised, width, height, broken, refused)


def decord_frames(path: Path) -> Generator:
    """The number of frames that decord promises, then each: uint8 (h w c)."""
    # opened where it is used: a reader made before a fork hangs
    reader = decord.VideoReader(str(path.absolute()), num_threads=1)
    yield len(reader)
    for position in range(len(reader)):
        try:
            frame = reader.next()
        except StopIteration:
            raise EOFError(f"decord stopped at frame {position} of {len(reader)}") from None
        yield frame.asnumpy()


def pyav_frames(path: Path) -> Generator:
    """The number of frames that the file announces, then each as PyAV has it: uint8 (h w c)."""
    with open_video(path) as container:
        stream = best_stream(container)
        assert stream is not None
        yield stream.frames
        for frame in container.decode(stream):
            # decord turns pictures upright itself; a rotation that is no quarter turn is a damaged
            # header
            upright = frame.rotation in (-270, -180, -90, 90, 180, 270)
            quarters = frame.rotation // 90 if upright else 0
            yield np.rot90(frame.to_ndarray(format="rgb24"), quarters)


def recount(path: Path, repeats: set[int], decoded: int, most: int) -> tuple[int, bool]:
    """Frames that PyAV decodes, counted up to `most`, and whether decord's are the same.

    decord has `decoded` frames, equal neighbours at `repeats`. They are PyAV's where that repeats
    the same ones, all pictures have one size, and what decord has beyond them is a repeated tail.
    """
    found, before, size, alike = 0, np.empty(0), None, True
    try:
        with open_video(path) as container:
            for frame in container.decode(best_stream(container)):
                assert isinstance(frame, av.VideoFrame)
                size = size or (frame.width, frame.height)
                near = found in repeats or found + 1 in repeats
                picture = frame.to_ndarray(format="rgb24") if near else np.empty(0)
                repeated = found not in repeats or np.array_equal(picture, before)
                alike = alike and repeated and size == (frame.width, frame.height)
                before = picture
                found += 1
                if found == most:
                    break
    # what PyAV fails at is for its whole reading to judge
    except Exception as error:
        machine.raise_if_its_own(error, path)
        return found, False
    return found, alike and found <= decoded and set(range(found, decoded)) <= repeats


def shrunk_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """(height, width) with the short side at most `short_side`."""
    short = min(height, width)
    if short <= short_side:
        return height, width
    return (max(1, round(height * short_side / short)), max(1, round(width * short_side / short)))


def resize(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, antialiased: uint8 (h w c) → uint8 (height width c)."""
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))


def reason(error: Exception) -> str:
    """The error in a few words, free of the file's own path.

    Verdicts are compared between machines.
    """
    if isinstance(error, av.error.FFmpegError):
        # the message proper, without errno and path
        return str(error.strerror)
    if isinstance(error, NotAVideo):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][-120:]}" if lines else type(error).__name__
