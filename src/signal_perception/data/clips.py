"""The clip store: every video of one split decoded once, frames compressed singly, read at random by all models.

Layout (zarr v3, no consolidated metadata, no times, no absolute paths):

    <store>/                   attributes: classes, ids, groups; arrays over videos: label, frames, fps, sizes, shard, first
    <store>/shards/<NNNNN>/    attributes: videos (index rows); arrays: bytes (all frames end to end), ends (of each frame)

`clip_writer` makes stores; here they are read.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from PIL import Image

from signal_perception.errors import UserError

_GAP = 1 << 17  # unneeded bytes that are cheaper to read than to start a second read
_ROOM = 1 << 27  # bytes of compressed frames that an opened store keeps: small data sets are then read from memory
# index array → the columns of a row that it holds
INDEX = {
    "label": ("label",),
    "frames": ("frames",),
    "fps": ("fps",),
    "sizes": ("height", "width"),
    "shard": ("shard",),
    "first": ("first",),
}


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
        attributes = attributes_of(group)
        self.classes: tuple[str, ...] = tuple(attributes["classes"])
        self.ids: list[str] = attributes["ids"]
        self.groups: list[str] = attributes["groups"]
        self.labels, self.frames, self.fps, self.sizes, self._shard, self._first = (
            np.asarray(group[name]) for name in INDEX
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
            group = zarr.open_group(shard_path(self.path, shard), mode="r")
            content = group["bytes"]
            assert isinstance(content, zarr.Array)
            if content.size <= self._room:
                self._room -= content.size
                content = np.asarray(content)
            self._shards[shard] = (content, np.asarray(group["ends"]))
        return self._shards[shard]


def shard_path(store: Path, shard: int) -> Path:
    return store / "shards" / f"{shard:05d}"


def attributes_of(group: zarr.Group) -> dict[str, Any]:
    return group.attrs.asdict()
