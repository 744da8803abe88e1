"""How much one video may ask for, so that none exhausts a machine.

All of it has 3 GiB of memory: an index of two lines can claim a thousand million frames, and
FFmpeg makes room for each when it opens the file.

Pictures have at most 2²⁵ pixels (8192 × 4096, the largest format in use) and are at most 50 times
as long as wide. Packets are at most as many as the file has bytes, and hold at most 16 times its
bytes: an index of a few lines can lead to the same bytes again and again.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import psutil

from signal_perception.decode import machine

_MOST_MEMORY = 3 * 2**30
# The bound is the process's: the first of several threads sets it, the last one takes it back.
_BOUNDING = Lock()
_before: list[tuple[int, int]] = []
MOST_PIXELS = 2**25
# decord decodes ahead of what is asked for, so it may hold all frames of a file, in RGB: bytes.
# 2 GiB are 345 frames of 1920 × 1080.
_MOST_AHEAD = 2**31
_MOST_ASPECT = 50
_MOST_AGAIN = 16
# Even a small file has some packets of nothing.
_FREE = 1000


@contextmanager
def bounded_memory(path: Path) -> Iterator[None]:
    """Let this process take `_MOST_MEMORY` bytes more than it has now, and no more, for a video.

    Whoever asks for more is told that there is none. Nothing on systems that do not count it.
    """
    try:
        used = getattr(psutil.Process().memory_info(), "data", None)
    except OSError as error:
        raise machine.fault(error, path) from None
    with _BOUNDING:
        if not _before:
            soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
            bounds = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
            most = min([used + _MOST_MEMORY, *bounds]) if used else soft
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
            _before.append((soft, hard))
        else:
            _before.append(_before[0])
    try:
        yield
    finally:
        with _BOUNDING:
            before = _before.pop()
            if not _before:
                resource.setrlimit(resource.RLIMIT_DATA, before)


def too_large(width: int, height: int) -> str:
    """Why pictures of a size are not decoded, in words; "" where they are, or where it is 0."""
    size = f"the pictures have {width}x{height} pixels"
    if width * height > MOST_PIXELS:
        return f"{size}, more than {MOST_PIXELS} in all"
    if max(width, height) > _MOST_ASPECT * min(width, height) > 0:
        return f"{size}, a side more than {_MOST_ASPECT} times as long as the other"
    return ""


def fits_ahead(frames: int, pixels: int) -> bool:
    """Whether decord may hold so many frames of so many pixels."""
    return 3 * frames * pixels <= _MOST_AHEAD


def too_many(packets: int, held: int, size: int) -> str:
    """Why the packets of a file are not read to their end, in words; "" where they are.

    held: bytes in the packets. size: bytes of the file.
    """
    if packets > size + _FREE or held > _MOST_AGAIN * size + _FREE:
        return f"its packets hold more than the {size} bytes of the file can"
    return ""
