"""Whether the content of a chunk or shard of a zarr array is what was written.

Chunks that end with a checksum (codec crc32c) are held against it, also inside shards, whose index
has one of its own; others are as long as their values.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import google_crc32c
import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest, RangeByteRequest, SuffixByteRequest

_CHECKSUM = 4
# bytes of a chunk's place and length in the index of a shard
_ENTRY = 16
# place and length of a chunk that is not there
_NOTHING = 2**64 - 1
_WRONG = "its checksum is another"
_SHORT = "it is cut off"


@dataclass(frozen=True)
class Chunks:
    """The files of an array.

    shape: of the array. file: shape of what one file holds. separator: of the numbers in its name.
    chunk: shape of a chunk in a shard, None where files are chunks. length: bytes of an encoded
    chunk, None where only its checksum says. summed: whether a chunk ends with a checksum.
    """

    shape: tuple[int, ...]
    file: tuple[int, ...]
    separator: str
    chunk: tuple[int, ...] | None
    length: int | None
    summed: bool

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "Chunks":
        """From the metadata of an array."""
        encoding = metadata["chunk_key_encoding"]
        file = tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"])
        codecs, chunk = metadata["codecs"], None
        if codecs[0]["name"] == "sharding_indexed":
            inside = codecs[0]["configuration"]
            codecs, chunk = inside["codecs"], tuple(inside["chunk_shape"])
        names = [each["name"] for each in codecs]
        summed = names[-1] == "crc32c"
        length = None
        if names in (["bytes"], ["bytes", "crc32c"]):
            length = np.dtype(metadata["data_type"]).itemsize * math.prod(chunk or file)
            length += _CHECKSUM * summed
        return cls(
            tuple(metadata["shape"]),
            file,
            encoding.get("configuration", {}).get("separator", "/"),
            chunk,
            length,
            summed,
        )

    def has(self, name: str) -> bool:
        """Whether a file below the array is named like its chunks."""
        return name.split(self.separator)[0] == "c"

    def fault(self, name: str, content: NDArray[np.uint8], part: ByteRequest | None) -> str | None:
        """What is wrong with the content of a file, or of a part of it; None if nothing is.

        name: of the file, below the array.
        """
        if self.chunk is None:
            return self._chunk_fault(content) if part is None else None
        if part is None:
            return self._shard_fault(name, content)
        if isinstance(part, SuffixByteRequest):
            return self._index_fault(name, content)
        if isinstance(part, RangeByteRequest) and len(content) != part.end - part.start:
            return _SHORT
        return self._chunk_fault(content)

    def _chunk_fault(self, content: NDArray[np.uint8]) -> str | None:
        if self.length is not None and len(content) != self.length:
            return _SHORT
        return None if not self.summed or _agrees(content) else _WRONG

    def _shard_fault(self, name: str, content: NDArray[np.uint8]) -> str | None:
        index = content[-self._index_length :]
        fault = self._index_fault(name, index)
        if fault:
            return fault
        for start, length in _entries(index).reshape(-1, 2).tolist():
            if start == _NOTHING:
                continue
            fault = self._chunk_fault(content[start : start + length])
            if fault:
                return fault
        return None

    def _index_fault(self, name: str, index: NDArray[np.uint8]) -> str | None:
        if len(index) != self._index_length:
            return _SHORT
        if not _agrees(index):
            return _WRONG
        there = _entries(index).reshape(*self._grid, 2)[..., 0] != _NOTHING
        wanted = there[tuple(slice(0, count) for count in self._inside(name))]
        return None if wanted.all() else "a chunk is missing in it"

    @property
    def _grid(self) -> tuple[int, ...]:
        """Chunks of a shard along each dimension."""
        return tuple(whole // part for whole, part in zip(self.file, self.chunk or ()))

    @property
    def _index_length(self) -> int:
        return _ENTRY * math.prod(self._grid) + _CHECKSUM

    def _inside(self, name: str) -> Iterator[int]:
        """How many chunks of a shard lie within the array, along each dimension."""
        places = map(int, name.split(self.separator)[1:])
        chunk = cast(tuple[int, ...], self.chunk)
        for side, whole, part, place in zip(self.shape, self.file, chunk, places, strict=True):
            yield math.ceil(min(whole, side - place * whole) / part)


def _entries(index: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.frombuffer(index[:-_CHECKSUM].tobytes(), "<u8")


def _agrees(content: NDArray[np.uint8]) -> bool:
    """Whether the last four bytes are the checksum of those before."""
    said = content[-_CHECKSUM:].tobytes()
    found = google_crc32c.value(np.ascontiguousarray(content[:-_CHECKSUM]))
    return said == int(found).to_bytes(_CHECKSUM, "little")
