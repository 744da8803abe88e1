"""What the stage noise is told."""

from typing import Annotated, Literal

from pydantic import Field

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network
from signal_perception.pipeline.params import Count, NotNegative, Section, Seed, Share

GridName = Literal["figure2", "figure3", "figure4"]


class Grid(Section):
    """The cells of one figure: every panel with every σ, γ and ρ."""

    panels: Literal["parts", "thirds"]
    sigma: Annotated[tuple[NotNegative, ...], Field(strict=False, min_length=1)]
    gamma: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)]
    rho: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)]


class Noise(Section):
    repeats: Count
    scale: Literal["absolute", "rel_std", "rel_max", "rel_fro"]
    mask: Literal["exact", "bernoulli"]
    order: Literal["random", "leading", "trailing", "even"]
    bootstrap: Annotated[int, Field(ge=100)]
    grids: dict[GridName, Grid]


class Model(Section):
    network: Network
    input: Input
    disturb: str


class Settings(Section):
    seed: Seed
    cpu_threads: CpuThreads
    finetune: Arithmetic
    noise: Noise
    model: Model


SECTIONS = {"noise": Noise}
MODEL_PARTS = {"disturb": str}
