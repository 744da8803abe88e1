"""Making a clip store, shard by shard; its layout is described where it is read, in `clips.store`.

A shard's bytes depend on its videos alone, so shards can be written in any order, by any number of
processes, and again after a crash.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import google_crc32c
import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import Crc32cCodec, ZstdCodec

from signal_perception.clips.store import INDEX, OFFSET, SUM, chunk_path, shard_path
from signal_perception.decode.catalogue import Video
from signal_perception.decode.video import Decoded
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import write_atomically
from signal_perception.stores import METADATA, consolidate, seal, sealed_attributes


@dataclass(frozen=True)
class Row:
    """Index entry of one stored video.

    first: position of its first frame in its shard. height, width: of the stored frames, pixels.
    """

    id: str
    label: int
    group: str
    shard: int
    first: int
    frames: int
    fps: float
    height: int
    width: int


def write_shard(store: Path, shard: int, videos: Iterable[tuple[Video, Decoded[bytes]]]) -> None:
    """Write the complete group `<store>/shards/<NNNNN>`, replacing one that is there.

    videos: their frames compressed by `pictures.encoder`; may be a generator, and empty. Videos
        without frames are the caller's to leave out.
    """
    write_atomically(shard_path(store, shard), lambda path: _write_group(path, shard, videos))


def shard_rows(store: Path, shard: int) -> list[Row]:
    """Index rows of a shard that is complete; UserError where what it says is damaged."""
    return [Row(**row) for row in sealed_attributes(shard_path(store, shard))["videos"]]


def write_index(store: Path, classes: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the index of a store whose shards are all there.

    rows: those of all shards, in any order; stored sorted by id.
    """
    rows = sorted(rows, key=lambda row: row.id)
    if not rows:
        raise UserError(
            f"No video could be stored in {store}; the verdicts of decoding say why, so mend the "
            "videos."
        )
    # leftovers are those of runs that were killed
    leftovers = list((store / "shards").glob(".*"))
    for folder in [*leftovers, *(store / name for name in INDEX)]:
        if folder.exists():
            shutil.rmtree(folder)
    (store / METADATA).unlink(missing_ok=True)
    group = zarr.create_group(store, attributes={"classes": list(classes)})
    group.require_group("shards")
    for name, columns in INDEX.items():
        values = np.array([[getattr(row, column) for column in columns] for row in rows])
        if len(columns) > 1:
            _write_array(group, name, ("video", "side"), values, [Crc32cCodec()])
        elif values.dtype.kind == "U":
            texts = values[:, 0].astype(np.dtypes.StringDType())
            _write_array(group, name, ("video",), texts, [ZstdCodec(), Crc32cCodec()])
        else:
            _write_array(group, name, ("video",), values[:, 0], [Crc32cCodec()])
    consolidate(store)


def _write_group(folder: Path, shard: int, videos: Iterable[tuple[Video, Decoded[bytes]]]) -> None:
    offsets, sums = [0], []
    rows: list[Row] = []
    content = chunk_path(folder, "bytes")
    content.parent.mkdir(parents=True)
    with content.open("wb") as file:
        # as they come: no more than one video's frames are held
        for video, decoded in videos:
            if not decoded.frames:
                raise ValueError(
                    f"{video.id} has no frames ({decoded.verdict}) and cannot be stored"
                )
            rows.append(_row(video, decoded, shard, len(offsets) - 1))
            for frame in decoded.frames:
                offsets.append(offsets[-1] + file.write(frame))
                sums.append(google_crc32c.value(frame))
    group = zarr.create_group(folder, attributes={"videos": [asdict(row) for row in rows]})
    # the one chunk of this array is there already
    _create_array(group, "bytes", ("byte",), (offsets[-1],), np.dtype(np.uint8))
    _write_array(group, "offsets", ("offset",), np.array(offsets, OFFSET))
    _write_array(group, "checksums", ("frame",), np.array(sums, SUM))
    seal(folder)


def _row(video: Video, decoded: Decoded[bytes], shard: int, first: int) -> Row:
    height, width = decoded.size
    return Row(
        id=video.id,
        label=video.label,
        group=video.group,
        shard=shard,
        first=first,
        frames=len(decoded.frames),
        fps=decoded.fps,
        height=height,
        width=width,
    )


def _write_array(
    group: zarr.Group,
    name: str,
    dimensions: tuple[str, ...],
    values: np.ndarray,
    compressors: Sequence[BytesBytesCodec] = (),
) -> None:
    array = _create_array(group, name, dimensions, values.shape, values.dtype, compressors)
    array[...] = values


def _create_array(
    group: zarr.Group,
    name: str,
    dimensions: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: np.dtype,
    compressors: Sequence[BytesBytesCodec] = (),
) -> zarr.Array:
    """An array of one chunk, whose file holds the values and nothing else without `compressors`.

    Frames are compressed already, and the rest is small.
    """
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=tuple(max(1, side) for side in shape),
        compressors=compressors or None,
        filters=None,
        dimension_names=dimensions,
        # zarr leaves out chunks of zeros, and a chunk that is not there is damage here
        config={"write_empty_chunks": True},
    )
