"""What the stage extract is told."""

from typing import Annotated, Literal

from pydantic import Field

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network
from signal_perception.pipeline.params import Count, Section, Seed
from signal_perception.vocabulary import Control, Side, TapKind


class Extract(Section):
    """What is kept of a model's activations."""

    keep: Literal["activations", "means", "both"]
    per_class: Count | None
    clips: Count
    dtype: Literal["float16", "float32"]
    pool: Literal["none", "space"]
    kinds: Annotated[tuple[TapKind, ...], Field(strict=False)]
    taps: Annotated[tuple[str, ...], Field(strict=False)]
    sides: Annotated[tuple[Side, ...], Field(strict=False, min_length=1)]
    controls: Annotated[tuple[Control, ...], Field(strict=False)]
    epsilon: Literal["relative", "absolute"]
    calibration_videos: Count


class Model(Section):
    network: Network
    input: Input


class Settings(Section):
    seed: Seed
    cpu_threads: CpuThreads
    finetune: Arithmetic
    extract: Extract
    model: Model


SECTIONS = {"extract": Extract}
