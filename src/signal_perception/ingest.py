"""From a catalogue to clip stores: shards of videos decoded as independent units of work, and one table with a verdict for every video."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from signal_perception import paths, workers
from signal_perception.data import catalog as catalogs
from signal_perception.data import clip_writer
from signal_perception.data.catalog import Catalog, Video
from signal_perception.data.decode import Decoded, decode, refuse
from signal_perception.data.pictures import encoder
from signal_perception.errors import UserError
from signal_perception.params import Decode, Params, SyntheticSource
from signal_perception.scratch import whole

REFUSED = "refused"
UNLISTED = "unlisted"


@dataclass(frozen=True)
class Shard:
    """A unit of work: some videos of one split, by their order in the catalogue."""

    split: str
    number: int
    videos: tuple[Video, ...]

    def rows(self, work: Path) -> Path:
        """The file of verdicts, written when the shard is whole."""
        return work / "verdicts" / f"{self.split}-{self.number:05d}.json"


def load_catalog(params: Params, dataset: str) -> Catalog:
    """The data set's list of classes and videos, from the folder data/raw/<dataset>."""
    source = params.datasets[dataset].source
    return catalogs.load(
        dataset,
        paths.raw(dataset),
        "folder" if isinstance(source, SyntheticSource) else source.kind,
        manifest="split.csv" if isinstance(source, SyntheticSource) else getattr(source, "manifest", None),
        split=getattr(source, "split", 1),
        test_share=getattr(source, "test_share", 0.0),
        seed=params.seed,
    )


def shards(catalog: Catalog, size: int) -> list[Shard]:
    """All units of a data set: `size` videos each, split by split."""
    units = []
    for split in ("train", "test"):
        videos = [video for video in catalog.videos if video.split == split]
        for number, start in enumerate(range(0, len(videos), size)):
            units.append(Shard(split, number, tuple(videos[start : start + size])))
    return units


def store(work: Path, split: str) -> Path:
    """The clip store of a split while it is being made."""
    return work / f"{split}.zarr"


def make_all(units: Sequence[Shard], *, settings: Decode, work: Path, label: str, done: int) -> None:
    """Make all of `units` in processes of their own; a video that brings down the decoder's process is found and refused."""
    died = workers.run(
        units, partial(make, settings=settings, work=work), label=label, unit="shard", done=done, isolate=True
    )
    if not died:
        return
    suspects = [video for unit in died for video in unit.videos]
    deadly = workers.run(
        suspects, partial(_try, settings=settings), label="find what ended the decoder", unit="video", isolate=True
    )
    again = partial(make, settings=settings, work=work, deadly=frozenset(video.id for video in deadly))
    for unit in workers.run(died, again, label=f"{label} again", unit="shard", isolate=True):
        raise UserError(
            f"The decoder's process ends at shard {unit.number} of the {unit.split} split ({unit.videos[0].id} to {unit.videos[-1].id}), "
            "though each of its videos can be decoded alone; a smaller decode.shard may help."
        )


def _try(video: Video, *, settings: Decode) -> None:
    decode(video.path, short_side=settings.short_side, max_frames=settings.max_frames, keep=lambda _: None)


def make(shard: Shard, *, settings: Decode, work: Path, deadly: frozenset[str] = frozenset()) -> None:
    """Decode a shard's videos, write its part of the clip store, then its verdicts. Frames are compressed as they are decoded.

    deadly: ids of videos that are refused untried, because they bring down the process.
    """
    rows: list[dict] = []
    keep = encoder(settings.format, settings.quality, settings.chroma)

    def usable() -> Iterator[tuple[Video, Decoded[bytes]]]:
        for video in shard.videos:
            if video.id in deadly:
                decoded = refuse(video.path, "the decoder crashes")
            else:
                decoded = decode(video.path, short_side=settings.short_side, max_frames=settings.max_frames, keep=keep)
            rows.append(_row(video, decoded))
            if not decoded.verdict.startswith(REFUSED):
                yield video, decoded
            elif settings.on_bad == "fail":
                raise UserError(
                    f"{video.id} was {decoded.verdict}, and decode.on_bad is fail; mend or remove it, or set decode.on_bad to skip."
                )

    clip_writer.write_shard(store(work, shard.split), shard.number, usable())
    whole(shard.rows(work), lambda path: path.write_text(json.dumps(rows), encoding="utf-8"))


def _row(video: Video, decoded: Decoded[bytes]) -> dict:
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


def verdicts(units: Sequence[Shard], work: Path, classes: Sequence[str], unlisted: Sequence[str] = ()) -> pd.DataFrame:
    """The table of all videos, in catalogue order, with class names for labels; then those on disk that no list mentions, not decoded."""
    rows = [row for unit in units for row in json.loads(unit.rows(work).read_text(encoding="utf-8"))]
    table = pd.DataFrame(rows)
    table["label"] = [classes[label] for label in table["label"]]
    nothing = {column: "" if isinstance(value, str) else 0 for column, value in rows[0].items()}
    others = [nothing | {"id": video, "label": "-", "split": "-", "verdict": UNLISTED} for video in unlisted]
    return pd.DataFrame([*table.to_dict("records"), *others]) if others else table


def refuse_too_many_bad(table: pd.DataFrame, max_bad: float, path: Path) -> None:
    """UserError where more listed videos are bad than decode.max_bad allows, or where a class of a split has none left."""
    table = table.loc[table["verdict"] != UNLISTED, :]
    bad = table[table["verdict"].str.startswith(REFUSED)]
    if len(bad) > max_bad * len(table):
        first = bad.iloc[0]
        raise UserError(
            f"{len(bad)} of {len(table)} videos could not be decoded, more than decode.max_bad = {max_bad:g} allows; all are listed in "
            f"{path}, the first is {first['id']} ({first['verdict']}); mend or remove them, or raise decode.max_bad."
        )
    left = table.drop(bad.index).groupby(["split", "label"]).size()
    for split, label in table[["split", "label"]].drop_duplicates().itertuples(index=False):
        if (split, label) not in left.index:
            raise UserError(f"No {split} video of class {label} could be decoded; see {path} for the reasons.")
