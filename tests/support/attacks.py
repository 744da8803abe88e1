"""Files as a stranger might make them: PyTorch archives, pickles and safetensors that lie."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

# Exists as soon as something that should be refused was run.
MARKER = "was_run"
Write = Callable[[Path], object]


class Runs:
    """A pickle that runs a command when it is read."""

    def __init__(self, marker: Path):
        self._marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self._marker}",)


def saved(content: Any, **how: Any) -> Write:
    """A file that PyTorch wrote."""
    return lambda path: torch.save(content, path, **how)


def code(path: Path) -> None:
    torch.save({"state_dict": {}, "extra": Runs(path.parent / MARKER)}, path)


def old_code(path: Path) -> None:
    content = {"extra": Runs(path.parent / MARKER)}
    torch.save(content, path, _use_new_zipfile_serialization=False)


def bare_code(path: Path) -> None:
    path.write_bytes(pickle.dumps(Runs(path.parent / MARKER), protocol=2))


def inside_itself(path: Path) -> None:
    content: dict[str, Any] = {}
    content["model"] = {"state_dict": content}
    torch.save(content, path)


def archive(entries: dict[str, bytes], packed: bool = False) -> Write:
    """A zip file with the entries of a PyTorch archive."""

    def write(path: Path) -> None:
        how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", how) as file:
            for name, content in entries.items():
                file.writestr(name, content)

    return write


def pickled(content: bytes) -> Write:
    """An archive whose pickle has these operations."""
    return archive({"a/data.pkl": b"\x80\x02" + content + b".", "a/version": b"3\n"})


def bomb(path: Path) -> None:
    """64 MiB of zeros in 64 KiB."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("a/data.pkl", "w") as entry,
    ):
        for _ in range(64):
            entry.write(bytes(1 << 20))


def many_entries(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for number in range(501):
            file.writestr(zipfile.ZipInfo(f"a/{number}"), b"")


def long_directory(path: Path) -> None:
    """An archive that says its list of entries has 100 MB, in a file that has them (sparse)."""
    size = 100_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, 4, 0)
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(4 + size)
        file.seek(4 + size)
        file.write(end)


def lying_size(path: Path) -> None:
    """A tensor that says it has more values than its entry."""
    torch.save({"weight": torch.ones(6)}, path)
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    name = next(name for name in entries if name.endswith("data.pkl"))
    entries[name] = entries[name].replace(b"K\x06tq", b"M\xff\x7ftq", 1)
    archive(entries)(path)


def expanded(path: Path) -> None:
    """Terabytes by a stride of zero."""
    torch.save({"weight": torch.ones(1).expand(1_000_000, 1_000_000)}, path)


# Tuples of two, each with the one before it twice: the last, a name in a dict, has 2 ** 60 parts.
LAUGHS = (
    b"}K\x01K\x01\x86q\x00"
    + b"".join(b"h%c\x86q%c" % (number, number + 1) for number in range(60))
    + b"K\x01s"
)


def header(content: Any, values: bytes = b"", length: int | None = None) -> Write:
    """A safetensors file with a header of one's own: an object, or the text itself."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()

    def write(path: Path) -> None:
        size = len(text) if length is None else length
        path.write_bytes(size.to_bytes(8, "little") + text + values)

    return write


def entry(shape: list[int], *offsets: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}
