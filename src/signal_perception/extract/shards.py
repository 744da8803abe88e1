"""Shards of activations, written a clip at a time.

A shard is a file of zarr's sharding codec: its chunks one after the other, then their places and
sizes and a checksum of these. Chunks are not compressed and end with a checksum of their own
(crc32c), so that all have one size and their places are known before any is written: the index is
written first, and then each clip at its place, in any order, by any worker, again after a cut.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import google_crc32c
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.chunk_key_encodings import ChunkKeyEncodingParams

# Chunks of an array lie side by side in its folder ("c.0.1"): DVC and file systems take longest for
# folders.
KEYS: ChunkKeyEncodingParams = {"name": "default", "separator": "."}
# A shard's size, in bytes: few files for a remote, none that takes long to load.
_SHARD = 128 << 20
_CHECKSUM = 4
# Place and size that the index gives to a chunk that is not there.
_NOTHING = 2**64 - 1


def record(values: int, dtype: str) -> int:
    """Bytes of a chunk in its shard, checksum included."""
    return values * np.dtype(dtype).itemsize + _CHECKSUM


def rows(clips: int, values: int, dtype: str) -> int:
    """Clips in a shard, of `clips` clips of so many values."""
    return max(1, min(clips, _SHARD // record(values, dtype)))


def prepare(folder: Path, array: zarr.Array) -> None:
    """Make every shard of an array (input, video, …) at its full size, with its index.

    What is there already stays: of a shard that was cut short the clips that it still has.
    """
    inputs, clips = array.shape[:2]
    assert array.shards is not None
    size = array.shards[1]
    chunk = record(int(np.prod(array.shape[2:])), str(array.dtype))
    for number in range(inputs):
        for first in range(0, clips, size):
            count = min(size, clips - first)
            _prepare_one(
                _file(folder, array, number, first), count * chunk, _index(size, count, chunk)
            )


def write(
    folder: Path, array: zarr.Array, number: int, places: Sequence[int], values: NDArray
) -> None:
    """Write clips (n …) of input `number`, in the array's number type, to these rows."""
    assert array.shards is not None
    size = array.shards[1]
    records = _records(values)
    rows = np.asarray(places, np.int64)
    # rows that follow each other in one shard are one write
    breaks = np.flatnonzero((np.diff(rows) != 1) | (rows[1:] % size == 0)) + 1
    for first, part in zip(np.split(rows, breaks), np.split(records, breaks)):
        row = int(first[0])
        file = os.open(_file(folder, array, number, row), os.O_WRONLY)
        try:
            _write_at(file, part, row % size * records.shape[1])
        finally:
            os.close(file)


def sound(folder: Path, array: zarr.Array, number: int, places: Sequence[int]) -> bool:
    """Whether the clips in these rows of input `number` agree with their checksums.

    The shards are there and have their indices: `prepare` was called.
    """
    assert array.shards is not None
    size, length = array.shards[1], record(int(np.prod(array.shape[2:])), str(array.dtype))
    for row in places:
        with _file(folder, array, number, row).open("rb", buffering=0) as file:
            file.seek(row % size * length)
            content = file.read(length)
        checksum = google_crc32c.value(content[:-_CHECKSUM]).to_bytes(_CHECKSUM, "little")
        # a hole has no checksum: that of zeros is another
        if len(content) < length or content[-_CHECKSUM:] != checksum:
            return False
    return True


def _prepare_one(path: Path, end: int, index: bytes) -> None:
    """end: of the chunks, bytes."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        # the file is as long as its chunks, which are holes until they are written
        os.ftruncate(file, end + len(index))
        if os.pread(file, len(index), end) != index:
            os.pwrite(file, index, end)
    finally:
        os.close(file)


def _records(values: NDArray) -> NDArray[np.uint8]:
    """Clips (n …) as chunks with their checksums: (n, bytes)."""
    content = np.ascontiguousarray(values).reshape(len(values), -1).view(np.uint8)
    records = np.empty((len(content), content.shape[1] + _CHECKSUM), np.uint8)
    records[:, :-_CHECKSUM] = content
    for record, clip in zip(records, content):
        checksum = google_crc32c.value(clip.tobytes()).to_bytes(_CHECKSUM, "little")
        record[-_CHECKSUM:] = np.frombuffer(checksum, np.uint8)
    return records


def _write_at(file: int, records: NDArray[np.uint8], place: int) -> None:
    """Write all of the records: a system may take less at a time."""
    content, done = records.reshape(-1).data, 0
    while done < len(content):
        done += os.pwrite(file, content[done:], place + done)


def _file(folder: Path, array: zarr.Array, number: int, row: int) -> Path:
    """The file of the shard that holds a row of an input."""
    assert array.shards is not None
    places = (number, row // array.shards[1], *(0 for _ in array.shape[2:]))
    return folder / ".".join(["c", *map(str, places)])


def _index(size: int, count: int, chunk: int) -> bytes:
    """Place and length of each of `size` chunks, of which `count` are there, and a checksum."""
    table = np.full((size, 2), _NOTHING, "<u8")
    table[:count, 0] = np.arange(count) * chunk
    table[:count, 1] = chunk
    content = table.tobytes()
    return content + google_crc32c.value(content).to_bytes(_CHECKSUM, "little")
