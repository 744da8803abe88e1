"""Making a clip store, shard by shard; see `clips` for its layout.

A shard is the unit of work: written under a temporary name, renamed when complete, its bytes depending on its videos alone, so shards
can be written in any order, by any number of processes, and again after a crash.
"""

import shutil
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import zarr

from signal_perception.data.catalog import Video
from signal_perception.data.clips import INDEX, OFFSET, attributes_of, chunk_path, shard_path
from signal_perception.data.decode import Decoded
from signal_perception.errors import UserError


@dataclass(frozen=True)
class Row:
    """Index entry of one stored video: `first` is the position of its first frame in its shard, sizes are of the stored frames."""

    id: str
    label: int
    group: str
    shard: int
    first: int
    frames: int
    fps: float
    height: int
    width: int


def write_shard(store: Path, shard: int, videos: Iterable[tuple[Video, Decoded[bytes]]]) -> list[Row]:
    """Write the complete group `<store>/shards/<NNNNN>`, replacing one that is there, and return its index rows.

    `videos`, whose frames `pictures.encoder` compressed, may be a generator. Videos without frames are the caller's to leave out;
    a shard may be empty.
    """
    target = shard_path(store, shard)
    work = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    offsets = [0]
    rows: list[Row] = []
    content = chunk_path(work, "bytes")
    content.parent.mkdir(parents=True)
    with content.open("wb") as file:  # as they come: no more than one video's frames are held
        for video, decoded in videos:
            if not decoded.frames:
                raise ValueError(f"{video.id} has no frames ({decoded.verdict}) and cannot be stored")
            place = shard, len(offsets) - 1
            rows.append(
                Row(video.id, video.label, video.group, *place, len(decoded.frames), decoded.fps, *decoded.size)
            )
            for frame in decoded.frames:
                offsets.append(offsets[-1] + file.write(frame))

    group = zarr.create_group(work, attributes={"videos": [asdict(row) for row in rows]})
    _create(group, "bytes", (offsets[-1],), np.dtype(np.uint8))  # its one chunk is there
    _write(group, "offsets", np.array(offsets, OFFSET))
    if target.exists():
        shutil.rmtree(target)
    work.replace(target)
    return rows


def shard_rows(store: Path, shard: int) -> list[Row] | None:
    """Index rows of a shard that is complete, or None: what a resumed run has instead of `write_shard`'s answer."""
    path = shard_path(store, shard)
    if not path.is_dir():
        return None
    return [Row(**row) for row in attributes_of(zarr.open_group(path, mode="r"))["videos"]]


def finish(store: Path, classes: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the index of a store whose shards are all there; `rows` are those of all shards, in any order (stored sorted by id)."""
    rows = sorted(rows, key=lambda row: row.id)
    if not rows:
        raise UserError(f"no video could be stored in {store}: see the verdicts of decoding")
    leftovers = list((store / "shards").glob(".*"))  # of runs that were killed
    for folder in [*leftovers, *(store / name for name in INDEX)]:
        if folder.exists():
            shutil.rmtree(folder)
    (store / "zarr.json").unlink(missing_ok=True)
    group = zarr.create_group(
        store,
        attributes={"classes": list(classes), "ids": [row.id for row in rows], "groups": [row.group for row in rows]},
    )
    group.require_group("shards")
    for name, columns in INDEX.items():
        values = np.array([[getattr(row, column) for column in columns] for row in rows])
        _write(group, name, values if len(columns) > 1 else values[:, 0])


def _write(group: zarr.Group, name: str, values: np.ndarray) -> None:
    _create(group, name, values.shape, values.dtype)[...] = values


def _create(group: zarr.Group, name: str, shape: tuple[int, ...], dtype: np.dtype) -> zarr.Array:
    """An array of one chunk, whose file holds the values and nothing else: frames are compressed already and the rest is small."""
    chunks = tuple(max(1, side) for side in shape)
    return group.create_array(name, shape=shape, dtype=dtype, chunks=chunks, compressors=None, filters=None)
