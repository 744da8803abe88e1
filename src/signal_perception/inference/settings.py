"""What must be known to calculate with a trained model."""

from typing import Literal, Protocol

from signal_perception.clips.settings import Input
from signal_perception.models.core.settings import Network
from signal_perception.pipeline.params import Count, Section

CpuThreads = Count | None


class Arithmetic(Section):
    """Number type of training and of everything after it."""

    precision: Literal["float32", "bfloat16", "float16"]


class Entry(Protocol):
    """A model's entry in the parameters, as far as it matters here."""

    @property
    def network(self) -> Network: ...
    @property
    def input(self) -> Input: ...


class ModelSettings(Protocol):
    """What the settings of every stage that runs a trained model have."""

    @property
    def cpu_threads(self) -> CpuThreads: ...
    @property
    def finetune(self) -> Arithmetic: ...
    @property
    def model(self) -> Entry: ...


SECTIONS = {"cpu_threads": CpuThreads}
