"""What the stage evaluate is told."""

from typing import Annotated, Literal

from pydantic import Field

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network, Pretrained
from signal_perception.pipeline.params import Count, Section, Seed

Controls = Annotated[tuple[Literal["static", "shuffled", "reversed"], ...], Field(strict=False)]


class Views(Section):
    """How test videos are looked at."""

    clips: Count
    crops: Literal[1, 3]
    controls: Controls


class Study(Section):
    size: str


class Model(Section):
    network: Network
    input: Input
    pretrained: Pretrained | None


class Settings(Section):
    seed: Seed
    cpu_threads: CpuThreads
    study: Study
    finetune: Arithmetic
    views: Views
    model: Model


SECTIONS = {"views": Views}
