"""What the stage report is told: its own section, and what it prints of the others."""

from typing import Annotated, Any, Literal

from pydantic import Field

from signal_perception.pipeline.params import Section, Seed, Study


class Report(Section):
    dpi: Annotated[int, Field(ge=50, le=600)]
    statistic: Literal["mean_log", "log_mean", "log_rms"]
    point: Literal["poster", "nyquist"]
    controls: bool


class Settings(Section):
    seed: Seed
    study: Study
    datasets: dict[str, Any]
    views: dict[str, Any]
    extract: dict[str, Any]
    spectra: dict[str, Any]
    probe: dict[str, Any]
    noise: dict[str, Any]
    report: Report


SECTIONS = {"report": Report}
