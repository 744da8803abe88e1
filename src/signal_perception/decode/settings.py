"""What the stage decode is told."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from signal_perception.pipeline.params import Count, Inside, Section, Seed, Share
from signal_perception.synthesise.settings import SyntheticSource

# Folder with one folder of raw files for each data set.
RAW = Path("data/raw")


class FolderSource(Section):
    """A folder <class>/<video> or <split>/<class>/<video>; with a manifest it may be any folder.

    test_share, seed: of the split that is drawn where neither manifest nor folders give one.
    """

    kind: Literal["folder"]
    manifest: Inside | None
    test_share: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed


class OfficialSource(Section):
    """A data set as its authors distribute it, with one of its official splits."""

    kind: Literal["hmdb51", "ucf101"]
    split: Annotated[int, Field(ge=1, le=3)]


Source = Annotated[SyntheticSource | FolderSource | OfficialSource, Field(discriminator="kind")]


class Decode(Section):
    short_side: Annotated[int, Field(ge=16)]
    max_frames: Count
    format: Literal["jpeg", "png"]
    quality: Annotated[int, Field(ge=1, le=100)]
    chroma: Literal["half", "full"]
    shard: Count
    on_bad: Literal["skip", "fail"]
    max_bad: Share


class Dataset(Section):
    source: Source


class Settings(Section):
    decode: Decode
    dataset: Dataset


SECTIONS = {"decode": Decode}
DATASET_PARTS = {"source": Source}
