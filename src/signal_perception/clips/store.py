"""The clip store: every video of one split decoded once, read at random by all models.

Layout (zarr v3, completed by `stores.consolidate`, no times, no absolute paths):

    <store>/                  attributes: classes
                              arrays over videos: video (ids), group, label, frames, fps, sizes,
                              shard, first
    <store>/shards/<NNNNN>/   attributes: videos (index rows)
                              arrays: bytes (all frames end to end, each compressed by itself),
                              offsets (of each frame, and the end), checksums (crc32c of each frame)

`xr.open_zarr(store)` shows the index with its ids, `xr.open_datatree(store)` the shards too.

The arrays of a shard are one uncompressed chunk each, so that their files hold just their values:
any zarr reader opens them, and a few frames are read from the middle of a file without a chunk
around them. What is read is held against its checksum. `decode.store_writer` makes stores; here
they are read.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from signal_perception.clips.pictures import decode_into
from signal_perception.pipeline.errors import UserError
from signal_perception.stores import METADATA, attributes_of, open_checked

# Types of a shard's `offsets` and `checksums`.
OFFSET = np.dtype("<i8")
SUM = np.dtype("<u4")
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
        if not (self.path / METADATA).is_file():
            raise UserError(
                f"There is no finished clip store at {self.path}; decode the data set first (dvc "
                "repro decode)."
            )
        group = open_checked(self.path)
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
        offsets = _part(chunk_path(shard, "offsets"), OFFSET, first, count + 1)
        sums = _part(chunk_path(shard, "checksums"), SUM, first, count)[frames]
        path = chunk_path(shard, "bytes")
        with path.open("rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            for start, end, said in zip(offsets[frames], offsets[frames + 1], sums.tolist()):
                if not 0 <= start < end <= length:
                    raise ValueError(f"{path} is cut off, or its offsets are wrong")
                file.seek(int(start))
                content = file.read(int(end - start))
                if google_crc32c.value(content) != said:
                    raise ValueError(f"the checksum of a frame in {path} is another")
                yield content


def shard_path(store: Path, shard: int) -> Path:
    return store / "shards" / f"{shard:05d}"


def chunk_path(shard: Path, array: str) -> Path:
    """The file with the one chunk of a shard's one-dimensional array."""
    return shard / array / "c" / "0"


def _part(path: Path, dtype: np.dtype, first: int, count: int) -> NDArray:
    """Values from the middle of a file that holds nothing else."""
    with path.open("rb", buffering=0) as file:
        file.seek(first * dtype.itemsize)
        content = file.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise ValueError(f"{path} is cut off")
    return np.frombuffer(content, dtype)
