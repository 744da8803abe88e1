"""What can happen to a file on a disk, by a name for the test."""

import os
from collections.abc import Callable
from pathlib import Path

from signal_perception.pipeline import checksums


def flip(file: Path, place: float = 0.5) -> None:
    """Flip one bit, at a share of the file."""
    with file.open("r+b") as content:
        content.seek(int(place * (file.stat().st_size - 1)))
        (value,) = content.read(1)
        content.seek(-1, os.SEEK_CUR)
        content.write(bytes([value ^ 4]))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped bit": flip,
    "truncation": lambda file: os.truncate(file, file.stat().st_size // 2),
    "no content": lambda file: os.truncate(file, 0),
    "a missing file": Path.unlink,
}


def another_process() -> None:
    """Forget what this process knows to be sound, as the next run does."""
    checksums._agreed.clear()
