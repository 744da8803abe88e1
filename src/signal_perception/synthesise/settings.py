"""What the stage synthesise is told."""

from typing import Annotated, Literal

from pydantic import Field

from signal_perception.pipeline.params import Count, Section, Seed

DATASET = "shapes"
# Name of the list of videos with their classes and splits, in the data set's folder.
MANIFEST = "split.csv"


class SyntheticSource(Section):
    """Videos made by the stage synthesise."""

    kind: Literal["synthetic"]
    train_per_class: Count
    test_per_class: Count
    frames: Annotated[int, Field(ge=4)]
    size: Annotated[int, Field(ge=16, multiple_of=2)]
    fps: Count


class Shapes(Section):
    source: SyntheticSource


class Datasets(Section):
    shapes: Shapes


class Settings(Section):
    seed: Seed
    datasets: Datasets
