"""What the stage probe is told."""

from typing import Annotated

from pydantic import Field

from signal_perception.pipeline.params import Section, Seed


class Probe(Section):
    folds: Annotated[int, Field(ge=2)]
    bootstrap: Annotated[int, Field(ge=100)]


class Settings(Section):
    seed: Seed
    probe: Probe


SECTIONS = {"probe": Probe}
