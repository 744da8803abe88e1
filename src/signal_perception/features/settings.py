"""What the stage features is told."""

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network
from signal_perception.pipeline.params import Section


class Model(Section):
    network: Network
    input: Input


class Settings(Section):
    cpu_threads: CpuThreads
    finetune: Arithmetic
    model: Model
