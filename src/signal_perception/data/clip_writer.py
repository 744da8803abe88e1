"""Making a clip store, shard by shard; see `clips` for its layout.

A shard is the unit of work: written under a temporary name, renamed when complete, its bytes depending on its videos alone, so shards
can be written in any order, by any number of processes, and again after a crash. JPEG frames are stored without chroma subsampling
(4:4:4): decoded video has lost half its colour resolution already, and a second loss at the smaller size would show.
"""

import io
import shutil
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import zarr
from PIL import Image

from signal_perception.data.catalog import Video
from signal_perception.data.clips import INDEX, attributes_of, shard_path
from signal_perception.data.decode import Decoded
from signal_perception.errors import UserError

_CHUNK = 1 << 16  # bytes: a few small frames, or part of a large one; what a read fetches at least


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


def write_shard(
    store: Path, shard: int, videos: Iterable[tuple[Video, Decoded]], format: str = "jpeg", quality: int = 95
) -> list[Row]:
    """Write the complete group `<store>/shards/<NNNNN>`, replacing one that is there, and return its index rows.

    `videos` may be a generator: one decoded video is held at a time. Videos without frames are the caller's to leave out; a shard
    may be empty.
    format: "jpeg" (with `quality`, 1–100) or "png" (lossless).
    """
    encoded: list[bytes] = []
    rows: list[Row] = []
    for video, decoded in videos:
        frames, height, width, _ = decoded.frames.shape
        if frames == 0:
            raise ValueError(f"{video.id} has no frames ({decoded.verdict}) and cannot be stored")
        rows.append(Row(video.id, video.label, video.group, shard, len(encoded), frames, decoded.fps, height, width))
        encoded += [_encode(frame, format, quality) for frame in decoded.frames]

    target = shard_path(store, shard)
    work = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    group = zarr.create_group(work, attributes={"videos": [asdict(row) for row in rows]})
    content = np.frombuffer(b"".join(encoded), np.uint8)
    padded = max(1, -(-content.size // _CHUNK)) * _CHUNK  # one zarr shard: one file, whose inner chunks are read singly
    _write(group, "bytes", content, chunks=(_CHUNK,), shards=(padded,))
    _write(group, "ends", np.cumsum([len(frame) for frame in encoded], dtype=np.int64))
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


def _encode(frame: np.ndarray, format: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(frame)
    if format == "jpeg":
        picture.save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    elif format == "png":
        picture.save(buffer, "PNG", compress_level=3)
    else:
        raise UserError(f"no frame format {format!r}: there are jpeg and png")
    return buffer.getvalue()


def _write(group: zarr.Group, name: str, values: np.ndarray, **layout) -> None:
    """One array in one file: uncompressed, since frames are compressed already and the rest is small."""
    layout = layout or {"chunks": tuple(max(1, side) for side in values.shape)}
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, compressors=None, filters=None, **layout)
    array[...] = values
