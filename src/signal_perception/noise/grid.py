"""The grids of weight noise: which cells a study has, and where each is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signal_perception.noise.definitions import Cell
from signal_perception.noise.settings import Grid, GridName
from signal_perception.pipeline.errors import UserError

THIRDS = ("front", "middle", "rear")
_ATTENTION_PARTS = ("q", "k", "v")


@dataclass(frozen=True)
class Place:
    """Where a cell stands in a figure: grid, panel, and the cell's number among the distinct."""

    grid: str
    panel: str
    cell: int


def plan(
    grids: Mapping[GridName, Grid], disturb: str, components: Sequence[str]
) -> tuple[list[Cell], list[Place]]:
    """Distinct cells of all grids, in the order of first use, and every place of each.

    disturb: the component whose parts and thirds are compared. Panels `parts` are its q, k and v
    where it is an attention, one at a time over all layers, or the component itself where it has
    no parts; panels `thirds` are front, middle and rear of its layers.
    """
    if disturb not in components:
        raise UserError(
            f"The model has no component {disturb!r} to disturb; it has "
            f"{', '.join(sorted(components))}."
        )
    parts = [f"{disturb}.{part}" for part in _ATTENTION_PARTS if f"{disturb}.{part}" in components]
    number: dict[Cell, int] = {}
    places = []
    for name, grid in grids.items():
        if grid.panels == "parts":
            panels = [(part, part, "all") for part in parts or [disturb]]
        else:
            panels = [(third, disturb, third) for third in THIRDS]
        for panel, component, pool in panels:
            for rho in grid.rho:
                for sigma in grid.sigma:
                    for gamma in grid.gamma:
                        cell = Cell(component, pool, sigma, gamma, rho)
                        places.append(Place(name, panel, number.setdefault(cell, len(number))))
    return list(number), places
