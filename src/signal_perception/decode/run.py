"""From a catalogue to clip stores: shards of videos are decoded as independent units of work."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from signal_perception.clips.pictures import encoder
from signal_perception.clips.store import shard_path
from signal_perception.decode import store_writer
from signal_perception.decode.catalogue import Catalogue, Video
from signal_perception.decode.settings import Decode
from signal_perception.decode.video import Decoded, decode, refuse
from signal_perception.pipeline import workers
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, finish
from signal_perception.vocabulary import REFUSED, SPLITS


@dataclass(frozen=True)
class Shard:
    """Some videos of one split, by their order in the catalogue."""

    split: str
    number: int
    videos: tuple[Video, ...]


def plan(catalogue: Catalogue, size: int, folder: Path) -> list[Unit[Shard]]:
    """All shards of a data set, `size` videos each, split by split.

    The result of each is its file of verdicts below `folder`, written once its part of the clip
    store, which belongs to the unit too, is complete.
    """
    return [
        Unit(
            Shard(split, number, catalogue.split(split)[start : start + size]),
            folder / "verdicts" / f"{split}-{number:05d}.json",
            (shard_path(store(folder, split), number),),
        )
        for split in SPLITS
        for number, start in enumerate(range(0, len(catalogue.split(split)), size))
    ]


def store(folder: Path, split: str) -> Path:
    """The clip store of a split while it is being made."""
    return folder / f"{split}.zarr"


def decode_shards(
    shards: Sequence[Unit[Shard]], settings: Decode, folder: Path, *, label: str
) -> None:
    """Decode all shards that are left, in processes of their own.

    A video that brings down its process is found and refused.
    """
    work = partial(decode_shard, settings=settings, folder=folder)
    died = finish(shards, work, label=label, noun="shard", isolate=True)
    if not died:
        return
    crashing = workers.run(
        [video for shard in died for video in shard.item.videos],
        partial(_try, settings=settings),
        label="find what ended the decoder",
        noun="video",
        isolate=True,
    )
    work = partial(work, crashing=frozenset(video.id for video in crashing))
    for unit in finish(died, work, label=f"{label} again", noun="shard", isolate=True):
        shard = unit.item
        raise UserError(
            f"The decoder's process ends at shard {shard.number} of the {shard.split} split "
            f"({shard.videos[0].id} to {shard.videos[-1].id}), though each of its videos can be "
            "decoded alone; make decode.shard smaller."
        )


def decode_shard(
    shard: Shard,
    path: Path,
    *,
    settings: Decode,
    folder: Path,
    crashing: frozenset[str] = frozenset(),
) -> None:
    """Decode a shard's videos, write its part of the clip store, then its verdicts to `path`.

    Frames are compressed as they are decoded.

    crashing: ids of videos that are refused untried, because they bring down the process.
    """
    rows: list[dict] = []

    def usable() -> Iterator[tuple[Video, Decoded[bytes]]]:
        compress = encoder(settings.format, settings.quality, settings.chroma)
        for video in shard.videos:
            if video.id in crashing:
                decoded = refuse(video.path, "the decoder crashes")
            else:
                decoded = _decode(video, settings, compress)
            rows.append(_table_row(video, decoded))
            if not decoded.verdict.startswith(REFUSED):
                yield video, decoded
            elif settings.on_bad == "fail":
                raise UserError(
                    f"{video.id} was {decoded.verdict}, and decode.on_bad is fail; mend or remove "
                    "it, or set decode.on_bad to skip."
                )

    store_writer.write_shard(store(folder, shard.split), shard.number, usable())
    path.write_text(json.dumps(rows), encoding="utf-8")


def finish_stores(
    shards: Sequence[Unit[Shard]], classes: Sequence[str], folder: Path
) -> dict[str, Path]:
    """Write the indices of the clip stores: split → store, ready to be published."""
    stores = {split: store(folder, split) for split in SPLITS}
    for split, path in stores.items():
        numbers = [shard.item.number for shard in shards if shard.item.split == split]
        rows = [row for number in numbers for row in store_writer.shard_rows(path, number)]
        store_writer.write_index(path, classes, rows)
    return stores


def _decode(
    video: Video, settings: Decode, convert: Callable[[np.ndarray], bytes]
) -> Decoded[bytes]:
    return decode(
        video.path,
        short_side=settings.short_side,
        max_frames=settings.max_frames,
        convert=convert,
    )


def _try(video: Video, *, settings: Decode) -> None:
    """Decode a video alone and forget its frames."""
    _decode(video, settings, lambda _: b"")


def _table_row(video: Video, decoded: Decoded[bytes]) -> dict:
    """A video's row of the table, with the place of its class for label."""
    return {
        "id": video.id,
        "label": video.label,
        "split": video.split,
        "group": video.group,
        "promised": decoded.promised,
        "decoded": len(decoded.frames),
        "fps": decoded.fps,
        "seconds": decoded.seconds,
        "width": decoded.width,
        "height": decoded.height,
        "codec": decoded.codec,
        "decoder": decoded.decoder,
        "verdict": decoded.verdict,
        "sha256": decoded.sha256,
        "frames_hash": decoded.frames_hash,
    }
