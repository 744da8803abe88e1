"""The clip store: every video of one split decoded once, frames compressed singly, read at random by all models.

Layout (zarr v3, no consolidated metadata, no times, no absolute paths):

    <store>/                   attributes: classes, ids, groups; arrays over videos: label, frames, fps, sizes, shard, first
    <store>/shards/<NNNNN>/    attributes: videos (index rows); arrays: bytes (all frames end to end), ends (of each frame)

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
from typing import Any

import numpy as np
import zarr
from PIL import Image

from signal_perception.data.catalog import Video
from signal_perception.data.decode import Decoded
from signal_perception.errors import UserError

_CHUNK = 1 << 16  # bytes: a few small frames, or part of a large one; what a read fetches at least
_GAP = 1 << 17  # unneeded bytes that are cheaper to read than to start a second read
_ROOM = 1 << 27  # bytes of compressed frames that an opened store keeps: small data sets are then read from memory
# index array → the columns of a row that it holds
_INDEX = {
    "label": ("label",),
    "frames": ("frames",),
    "fps": ("fps",),
    "sizes": ("height", "width"),
    "shard": ("shard",),
    "first": ("first",),
}


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

    target = _shard_path(store, shard)
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
    path = _shard_path(store, shard)
    if not path.is_dir():
        return None
    return [Row(**row) for row in _attributes(zarr.open_group(path, mode="r"))["videos"]]


def finish(store: Path, classes: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the index of a store whose shards are all there; `rows` are those of all shards, in any order (stored sorted by id)."""
    rows = sorted(rows, key=lambda row: row.id)
    if not rows:
        raise UserError(f"no video could be stored in {store}: see the verdicts of decoding")
    leftovers = list((store / "shards").glob(".*"))  # of runs that were killed
    for folder in [*leftovers, *(store / name for name in _INDEX)]:
        if folder.exists():
            shutil.rmtree(folder)
    (store / "zarr.json").unlink(missing_ok=True)
    group = zarr.create_group(
        store,
        attributes={"classes": list(classes), "ids": [row.id for row in rows], "groups": [row.group for row in rows]},
    )
    group.require_group("shards")
    for name, columns in _INDEX.items():
        values = np.array([[getattr(row, column) for column in columns] for row in rows])
        _write(group, name, values if len(columns) > 1 else values[:, 0])


class ClipStore:
    """A finished clip store, opened to be read. Videos are numbered in the order of their ids.

    Attributes
    ----------
    classes: sorted class names. ids, groups: one per video. labels, frames (count): int64 (n,). fps: float64 (n,).
    sizes: int64 (n, 2), height and width of the stored frames.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        if not (self.path / "zarr.json").is_file():
            raise UserError(f"no finished clip store at {self.path}: decode the data set first (dvc repro decode)")
        group = zarr.open_group(self.path, mode="r")
        attributes = _attributes(group)
        self.classes: tuple[str, ...] = tuple(attributes["classes"])
        self.ids: list[str] = attributes["ids"]
        self.groups: list[str] = attributes["groups"]
        self.labels, self.frames, self.fps, self.sizes, self._shard, self._first = (
            np.asarray(group[name]) for name in _INDEX
        )
        self._shards: dict[int, tuple[zarr.Array | np.ndarray, np.ndarray]] = {}
        self._room = _ROOM

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple:
        return ClipStore, (self.path,)  # another process opens the store itself

    def read(self, video: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Frames of a video at `indices` (any order, repeats allowed): uint8 (n h w c). Only these frames are decoded."""
        wanted = np.asarray(indices, dtype=np.int64)
        count = int(self.frames[video])
        if wanted.size and (wanted.min() < 0 or wanted.max() >= count):
            raise IndexError(f"{self.ids[video]} has {count} frames: no frame {wanted.min()} to {wanted.max()}")
        unique, back = np.unique(wanted, return_inverse=True)
        content, ends = self._open(int(self._shard[video]))
        position = unique + self._first[video]
        stop = ends[position]
        start = np.where(position > 0, ends[position - 1], 0)
        height, width = self.sizes[video]
        pictures = np.empty((len(unique), height, width, 3), np.uint8)
        # neighbouring frames are fetched in one read
        runs = np.split(np.arange(len(unique)), np.flatnonzero(start[1:] - stop[:-1] > _GAP) + 1)
        for run in runs if len(unique) else []:
            offset = start[run[0]]
            fetched = np.asarray(content[int(offset) : int(stop[run[-1]])]).tobytes()
            for i in run:
                with Image.open(io.BytesIO(fetched[start[i] - offset : stop[i] - offset])) as picture:
                    pictures[i] = np.asarray(picture)
        return pictures[back]

    def _open(self, shard: int) -> tuple[zarr.Array | np.ndarray, np.ndarray]:
        """Bytes and frame ends of a shard, opened at first use; the bytes are kept in memory as long as there is room for them."""
        if shard not in self._shards:
            group = zarr.open_group(_shard_path(self.path, shard), mode="r")
            content = group["bytes"]
            assert isinstance(content, zarr.Array)
            if content.size <= self._room:
                self._room -= content.size
                content = np.asarray(content)
            self._shards[shard] = (content, np.asarray(group["ends"]))
        return self._shards[shard]


def _shard_path(store: Path, shard: int) -> Path:
    return store / "shards" / f"{shard:05d}"


def _attributes(group: zarr.Group) -> dict[str, Any]:
    return group.attrs.asdict()


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
