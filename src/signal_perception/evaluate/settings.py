"""What the stage evaluate is told."""

from typing import Annotated

from pydantic import Field

from signal_perception.clips.settings import Input
from signal_perception.clips.settings import Views as Protocol
from signal_perception.clips.views import AskedViews
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network, Pretrained
from signal_perception.pipeline.params import Section, Seed
from signal_perception.vocabulary import Control


class Views(AskedViews):
    """How test videos are looked at, and what is scored beside the clips as they are."""

    controls: Annotated[tuple[Control, ...], Field(strict=False)]


class Study(Section):
    size: str


class Model(Section):
    network: Network
    input: Input
    protocol: Protocol
    pretrained: Pretrained | None


class Settings(Section):
    seed: Seed
    cpu_threads: CpuThreads
    study: Study
    finetune: Arithmetic
    views: Views
    model: Model


SECTIONS = {"views": Views}
