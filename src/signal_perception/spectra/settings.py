"""What the stage spectra is told."""

from typing import Annotated, Literal

from pydantic import Field

from signal_perception.pipeline.params import Section, Seed


class Spectra(Section):
    preset: Literal["poster", "all"]
    bootstrap: Annotated[int, Field(ge=100)]


class Settings(Section):
    seed: Seed
    spectra: Spectra


SECTIONS = {"spectra": Spectra}
