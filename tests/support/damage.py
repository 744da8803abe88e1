"""Damage to files, and what becomes of it.

By chance: what readers make of it, a sentence, the same values, or others. By name: what a next run
makes of it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from signal_perception.pipeline import checksums
from signal_perception.pipeline.errors import UserError

Values = Mapping[str, np.ndarray]


def trials(
    place: Path,
    read: Callable[[], Values],
    count: int,
    *,
    files: Sequence[Path] | None = None,
    seed: int = 0,
) -> Counter[str]:
    """What comes of damage to each file of `place` in turn: how often "caught" and "harmless".

    A flipped bit, or a cut at a random byte. AssertionError where other values were read, or where
    the refusal is no sentence that names the place; every other error goes through. files: these
    alone.
    """
    right, found = read(), Counter[str]()
    files = files or files_of(place)
    rng = np.random.default_rng(seed)
    for number in range(count):
        file = files[number % len(files)]
        with damaged(file, rng, cut=number // len(files) % 4 == 3):
            try:
                values = read()
            except UserError as error:
                said = str(error)
                assert str(place) in said and said.endswith(".") and "\n" not in said, said
                found["caught"] += 1
            else:
                assert same(values, right), f"other values were read after damage to {file}"
                found["harmless"] += 1
    assert same(read(), right)
    return found


def files_of(place: Path) -> list[Path]:
    """All files of a folder, or the file itself."""
    found = [place] if place.is_file() else place.rglob("*")
    return sorted(path for path in found if path.is_file())


class damaged:
    """A file with one bit flipped, or cut off; afterwards as it was. A context manager."""

    def __init__(self, file: Path, rng: np.random.Generator, cut: bool = False):
        self._file, self._content = file, file.read_bytes()
        content = bytearray(self._content)
        place = int(rng.integers(len(content)))
        if cut:
            del content[place:]
        else:
            content[place] ^= 1 << int(rng.integers(8))
        self._changed = bytes(content)

    def __enter__(self) -> Path:
        self._file.write_bytes(self._changed)
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.write_bytes(self._content)


def missing(place: Path) -> Iterator[Path]:
    """Each file of a folder in turn, away while it is looked at."""
    for file in files_of(place):
        content = file.read_bytes()
        file.unlink()
        yield file
        file.write_bytes(content)


def same(a: Values, b: Values) -> bool:
    """Whether arrays are equal, numbers bit for bit."""
    return a.keys() == b.keys() and all(_equal(each, b[name]) for name, each in a.items())


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    return a.tobytes() == b.tobytes() if a.dtype.kind in "fiub" else bool((a == b).all())


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
