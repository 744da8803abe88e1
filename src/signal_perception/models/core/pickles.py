"""What a PyTorch file would build, counted without building it.

PyTorch's reader of weights makes tensors and plain data alone, but as much of them as it is asked
for. A file is refused here that unpacks to more than it holds, is nested so deep or refers to its
own parts so often that a computer never comes to an end with it, or asks for memory by a number.

Formats: a zip archive (PyTorch 1.6 and later) whose entry `data.pkl` is a pickle, all entries
stored as they are; or, before, five pickles one after the other, followed by the values.
"""

import io
import pickletools
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from signal_perception.pipeline.errors import UserError

_ZIP = b"PK\x03\x04"
_OLD_PICKLES = 5
# Bytes of a zip file's directory, and of a pickle: those of large checkpoints are below a tenth.
_LONGEST_DIRECTORY = 4 << 20
_LONGEST_PICKLE = 16 << 20
_MOST_ENTRIES = 50_000
# Checkpoints have some ten levels, and some hundred thousand parts.
_DEEPEST = 200
_MOST_PARTS = 20_000_000
# Programs of TorchScript have it.
_PROGRAM = "constants.pkl"
# Takes memory by a number.
_BY_NUMBER = "bytearray"
_MARK = pickletools.markobject
# Operations that put parts into something that is there already.
_FILLS = ("SETITEM", "SETITEMS", "APPEND", "APPENDS", "ADDITEMS", "BUILD")
_DAMAGED = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    LookupError,
    EOFError,
)


def refuse_excess(path: Path) -> None:
    """UserError where reading a PyTorch file would take more than its size promises."""
    try:
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP)) == _ZIP
            file.seek(0)
            if not zipped:
                for _ in range(_OLD_PICKLES):
                    _count(file, path)
        if zipped:
            with _Directory(path) as directory, zipfile.ZipFile(directory) as archive:
                _refuse_archive(archive, path)
    except _DAMAGED as error:
        raise UserError(
            f"File {path} is no intact PyTorch file: get it again, or give a .safetensors file."
        ) from error


class _Directory(io.FileIO):
    """A zip file whose directory is not read where it is absurdly long."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LONGEST_DIRECTORY:
            raise zipfile.BadZipFile
        return super().read(-1 if size is None else size) or b""


def _refuse_archive(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise _refusal(path, f"it has {len(entries)} entries, more than any model")
    for entry in entries:
        place = PurePosixPath(entry.filename)
        if place.is_absolute() or ".." in place.parts or "\\" in entry.filename:
            raise _refusal(path, f"its entry {entry.filename!r} is a path out of it")
    if any(PurePosixPath(entry.filename).name == _PROGRAM for entry in entries):
        raise _refusal(path, "it is a TorchScript program, which could run code")
    unpacked, size = sum(entry.file_size for entry in entries), path.stat().st_size
    if unpacked > size or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise _refusal(path, f"it unpacks from {size} to {unpacked} bytes, and PyTorch packs none")
    # PyTorch takes no notice of capitals here
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise _refusal(path, "it has two entries of one name")
    for entry in entries:
        if PurePosixPath(entry.filename.lower()).name == "data.pkl":
            with archive.open(entry) as file:
                _count(io.BytesIO(file.read(_LONGEST_PICKLE + 1)), path)


def _count(file: BinaryIO, path: Path) -> None:
    """UserError where a pickle is too deep, too long or too wide.

    Runs its operations with (parts, levels) instead of values: a part that is referred to counts
    anew, as in a computation over all of them.
    """
    stack: list[tuple[int, int] | None] = []
    memo: dict[object, tuple[int, int]] = {}
    parts, start = 0, None
    for operation, argument, position in pickletools.genops(file):
        start = position if start is None else start
        if (position or 0) - (start or 0) > _LONGEST_PICKLE:
            raise _refusal(path, f"its list of tensors is longer than {_LONGEST_PICKLE} bytes")
        name = operation.name
        if name in ("GLOBAL", "INST") and str(argument).split()[-1] == _BY_NUMBER:
            raise _refusal(path, f"it calls for '{_BY_NUMBER}', and no weights do")
        if "PUT" in name or name == "MEMOIZE":
            memo[len(memo) if argument is None else argument] = stack[-1] or (1, 1)
            continue
        if "GET" in name:
            stack.append(memo[argument])
            continue
        taken = _taken(stack, operation.stack_before)
        made = _made(taken, fills=name in _FILLS)
        parts += sum(each[0] for each in (taken[1:] if name in _FILLS else taken))
        if parts > _MOST_PARTS or made[1] > _DEEPEST:
            raise _refusal(path, f"its parts are nested {made[1]} deep or refer to each other")
        stack += [None if each is _MARK else made for each in operation.stack_after]


def _taken(
    stack: list[tuple[int, int] | None], before: Sequence[pickletools.StackObject]
) -> list[tuple[int, int]]:
    """What an operation takes from the stack, the deepest first."""
    taken: list[tuple[int, int]] = []
    kinds = list(before)
    if _MARK in kinds:
        while (each := stack.pop()) is not None:
            taken.append(each)
        kinds = kinds[: kinds.index(_MARK)]
    taken += [stack.pop() or (1, 1) for _ in kinds]
    return taken[::-1]


def _made(taken: Sequence[tuple[int, int]], *, fills: bool) -> tuple[int, int]:
    """Parts and levels of what an operation makes of `taken`."""
    parts = 1 + sum(each[0] for each in taken)
    if fills:
        return parts, max([taken[0][1], *(1 + each[1] for each in taken[1:])])
    return parts, 1 + max((each[1] for each in taken), default=0)


def _refusal(path: Path, why: str) -> UserError:
    return UserError(
        f"File {path} is refused: {why}; save its state dict alone (torch.save or safetensors) "
        "where you trust it."
    )
