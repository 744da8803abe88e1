"""What the stage noise is told."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from signal_perception.clips.settings import Input, Views
from signal_perception.clips.views import AskedViews
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network
from signal_perception.pipeline.params import (
    Count,
    NotNegative,
    Positive,
    Section,
    Seed,
    Share,
)

Axis = Literal["sigma", "gamma", "rho"]


def _several(value: Any) -> Any:
    """One value stands for a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


# A component, or one with a pool of its layers: "mlp", "spatial_attn.v/middle".
_Panel = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_]{1,32}(\.[A-Za-z0-9_]{1,32})?(/[a-z]{1,16})?$")
]
_Panels = Annotated[tuple[_Panel, ...], Field(strict=False, min_length=1)]
_Sigmas = Annotated[tuple[NotNegative, ...], BeforeValidator(_several), Field(strict=False)]
_Shares = Annotated[tuple[Share, ...], BeforeValidator(_several), Field(strict=False)]


class Grid(Section):
    """The cells of one figure: every panel with every σ, γ and ρ.

    panels: the parts (q, k, v) or the thirds of the layers of the component that the model's entry
    names, or names of one's own: "mlp", "spatial_attn.v/middle". gamma: None for that of all grids.
    x, y: the axes.
    """

    panels: Literal["parts", "thirds"] | _Panels
    sigma: Annotated[_Sigmas, Field(min_length=1)]
    gamma: Annotated[_Shares, Field(min_length=1)] | None = None
    rho: Annotated[_Shares, Field(min_length=1)]
    kind: Literal["weights", "activations"] = "weights"
    x: Axis = "gamma"
    y: Axis | None = None

    @model_validator(mode="after")
    def _has_two_axes(self) -> "Grid":
        if self.x == self.y:
            raise ValueError(f"x and y are both {self.x}: choose two of sigma, gamma and rho")
        return self


class Noise(Section):
    """All noise of a study.

    listen: grids; under the middle cell of each of their panels the taps are listened to.
    views: of a test video that are scored: all that the stage evaluate scores, or the middle one.
    """

    repeats: Count
    bootstrap: Annotated[int, Field(ge=100)]
    scale: Literal["absolute", "rel_std", "rel_max", "rel_fro"]
    mask: Literal["exact", "bernoulli"]
    order: Literal["random", "leading", "trailing", "even"]
    precision: Positive | None
    worst_case: bool
    views: Literal["all", "centre"]
    listen: Annotated[tuple[str, ...], Field(strict=False)]
    gamma: Annotated[_Shares, Field(min_length=1)]
    grids: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,63}$")], Grid]

    @model_validator(mode="after")
    def _listens_to_grids(self) -> "Noise":
        for name in self.listen:
            if name not in self.grids:
                raise ValueError(
                    f"listen names {name!r}, which is no grid: choose of {', '.join(self.grids)}"
                )
        return self


class Model(Section):
    network: Network
    input: Input
    protocol: Views
    disturb: str


class Settings(Section):
    seed: Seed
    cpu_threads: CpuThreads
    finetune: Arithmetic
    views: AskedViews
    noise: Noise
    model: Model


SECTIONS = {"noise": Noise}
MODEL_PARTS = {"disturb": str}
