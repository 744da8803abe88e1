"""The clip store: every video of one split decoded once, read at random by all models.

Layout (zarr v3, metadata consolidated at the root, no times, no absolute paths):

    <store>/                  attributes: classes
                              arrays over videos: video (ids), group, label, frames, fps, sizes,
                              shard, first
    <store>/shards/<NNNNN>/   attributes: videos (index rows)
                              arrays: bytes (all frames end to end, each compressed by itself),
                              offsets (of each frame, and the end)

`xr.open_zarr(store)` shows the index with its ids, `xr.open_datatree(store)` the shards too.

The arrays of a shard are one uncompressed chunk each, so that their files hold just their values:
any zarr reader opens them, and a few frames are read from the middle of a file without a chunk
around them. `decode.store_writer` makes stores; here they are read.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from signal_perception.clips.pictures import decode_into
from signal_perception.pipeline.errors import UserError

# Type of a shard's `offsets`.
OFFSET = np.dtype("<i8")
# index array → the columns of a row that it holds
INDEX = {
    "video": ("id",),
    "group": ("group",),
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
    classes: sorted class names. ids, groups: one per video.
    labels, frames (count): int64 (n,). fps: float64 (n,).
    sizes: int64 (n, 2), height and width of the stored frames, pixels.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        if not (self.path / "zarr.json").is_file():
            raise UserError(
                f"There is no finished clip store at {self.path}; decode the data set first (dvc "
                "repro decode)."
            )
        group = zarr.open_group(self.path, mode="r")
        self.classes: tuple[str, ...] = tuple(attributes_of(group)["classes"])
        ids, groups, *numbers = (np.asarray(group[name]) for name in INDEX)
        self.ids: list[str] = ids.tolist()
        self.groups: list[str] = groups.tolist()
        self.labels, self.frames, self.fps, self.sizes, self._shard, self._first = numbers

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple:
        # another process opens the store itself
        return ClipStore, (self.path,)

    def read(self, video: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Frames of a video at `indices` (any order, repeats allowed): uint8 (n h w c).

        Only these frames are read and decoded.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        count = int(self.frames[video])
        if wanted.size and (wanted.min() < 0 or wanted.max() >= count):
            raise IndexError(
                f"{self.ids[video]} has {count} frames: no frame {wanted.min()} to {wanted.max()}"
            )
        unique, back = np.unique(wanted, return_inverse=True)
        pictures = np.empty((len(unique), *self.sizes[video], 3), np.uint8)
        try:
            for picture, content in zip(pictures, self._contents(video, unique)):
                decode_into(picture, content)
        except (OSError, ValueError) as error:
            raise UserError(
                f"Frames of {self.ids[video]} cannot be read from {self.path} ({error}): the clip "
                "store is damaged; delete it and restore it (dvc checkout) or decode the data set "
                "again (dvc repro decode)."
            ) from None
        return pictures if np.array_equal(unique, wanted) else pictures[back]

    def _contents(self, video: int, frames: np.ndarray) -> Iterator[bytes]:
        """The compressed frames of a video, straight from the files of its shard's arrays."""
        shard = shard_path(self.path, int(self._shard[video]))
        first, count = int(self._first[video]), int(self.frames[video])
        with chunk_path(shard, "offsets").open("rb", buffering=0) as file:
            file.seek(first * OFFSET.itemsize)
            offsets = np.frombuffer(file.read((count + 1) * OFFSET.itemsize), OFFSET)
        with chunk_path(shard, "bytes").open("rb", buffering=0) as file:
            for start, end in zip(offsets[frames].tolist(), offsets[frames + 1].tolist()):
                file.seek(start)
                yield file.read(end - start)


def shard_path(store: Path, shard: int) -> Path:
    return store / "shards" / f"{shard:05d}"


def chunk_path(shard: Path, array: str) -> Path:
    """The file with the one chunk of a shard's one-dimensional array."""
    return shard / array / "c" / "0"


def attributes_of(group: zarr.Group) -> dict[str, Any]:
    return group.attrs.asdict()
