"""Checksums of finished work, each in a file beside what it is of: `.<name>.sum`.

A line is the number of bytes and a hash (xxh3_128) of a file or folder, and of all that was made
with it. While one content replaces another there are two lines, so that a process may be killed at
any moment.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import xxhash

_PIECE = 1 << 20
# result → times, sizes and numbers of the result and its checksum, when they agreed
_agreed: dict[Path, tuple[int, ...]] = {}


def beside(result: Path) -> Path:
    """The file with the checksum of a result."""
    return result.with_name(f".{result.name}.sum")


def agrees(result: Path, others: Sequence[Path] = ()) -> bool:
    """Whether a result is there and, with what was made with it, as its checksum says.

    Hashed once in a process, unless it changes.
    """
    found = _state(result)
    if found is None:
        return False
    if _agreed.get(result) == found:
        return True
    if line(result, others) not in beside(result).read_bytes().split(b"\n"):
        return False
    _agreed[result] = found
    return True


def line(result: Path, others: Sequence[Path] = ()) -> bytes:
    """The checksum of a file or folder, whatever its name, and of others."""
    total, digest = 0, xxhash.xxh3_128()
    for number, path in enumerate((result, *others)):
        for name, file in _files(path):
            size, content = _hashed(file)
            digest.update(f"{number} {name} {size} ".encode("utf-8", "surrogateescape") + content)
            total += size
    return f"{total} {digest.hexdigest()}".encode()


def add(result: Path, line: bytes) -> None:
    """Say that `result` will be of this checksum, too."""
    with beside(result).open("ab") as file:
        file.write(b"\n" + line + b"\n")


def settle(result: Path, line: bytes) -> None:
    """Say that `result` is of this checksum and no other."""
    file = beside(result)
    if file.stat().st_size > len(line) + 2:
        file.write_bytes(b"\n" + line + b"\n")
    found = _state(result)
    if found is not None:
        _agreed[result] = found


def _state(result: Path) -> tuple[int, ...] | None:
    """What changes with a result and its checksum; None where one of them is missing."""
    try:
        both = result.stat(), beside(result).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return tuple(n for each in both for n in (each.st_mtime_ns, each.st_size, each.st_ino))


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """All files of a folder, by their names in it; of a file itself, with no name."""
    if not path.is_dir():
        if path.exists():
            yield "", path
        return
    for folder, folders, names in os.walk(path):
        # in an order of its own, whatever the file system's
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            yield file.relative_to(path).as_posix(), file


def _hashed(file: Path) -> tuple[int, bytes]:
    size, digest = 0, xxhash.xxh3_128()
    with file.open("rb", buffering=0) as content:
        while piece := content.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.digest()
