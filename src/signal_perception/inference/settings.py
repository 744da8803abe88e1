"""The arithmetic of training and of everything after it."""

from typing import Literal

from signal_perception.pipeline.params import Count, Section

CpuThreads = Count | None


class Arithmetic(Section):
    precision: Literal["float32", "bfloat16"]


SECTIONS = {"cpu_threads": CpuThreads}
