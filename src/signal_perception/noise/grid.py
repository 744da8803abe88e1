"""The grids of noise: which cells a study has, and where each is drawn."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from signal_perception.noise.definitions import POOLS, THIRDS, Cell, cell
from signal_perception.noise.settings import Axis, Grid, Noise
from signal_perception.pipeline.errors import UserError

_PARTS = ("q", "k", "v")


@dataclass(frozen=True)
class Place:
    """Where a cell stands in a figure: grid, panel, ρ as asked, axes; the cell's number."""

    grid: str
    panel: str
    rho: float
    axes: tuple[Axis, Axis]
    cell: int


@dataclass(frozen=True)
class Plan:
    """The distinct cells of all grids in the order of first use, and every place of each."""

    cells: tuple[Cell, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Layers:
    """How many blocks of a model own each component of weights, and each kind of tap."""

    weights: Mapping[str, int]
    activations: Mapping[str, int]

    def having(self, kind: str) -> Mapping[str, int]:
        """Of this kind of noise: component → number of blocks."""
        return self.activations if kind == "activations" else self.weights

    def of(self, component: str, kind: str) -> int:
        """UserError where the model has no such component."""
        having = self.having(kind)
        if component not in having:
            what = "kind of tap" if kind == "activations" else "component"
            raise UserError(
                f"The model has no {what} {component!r} to disturb; it has "
                f"{', '.join(sorted(having))}."
            )
        return having[component]


def plan(noise: Noise, disturb: str, layers: Layers) -> Plan:
    """The plan of a model's grids.

    disturb: the component whose parts and thirds are compared. Cells that disturb as many layers
    are one, whatever their ρ. With `worst_case` every cell of weights has one of kind `gradient`.
    """
    numbers: dict[Cell, int] = {}
    places = []
    for name, grid in noise.grids.items():
        gammas = grid.gamma or noise.gamma
        axes = _axes(grid, gammas)
        for panel, component, pool in _panels(grid, disturb, layers):
            number = layers.of(component, grid.kind)
            for rho, sigma, gamma in itertools.product(grid.rho, grid.sigma, gammas):
                same = {"pool": pool, "sigma": sigma, "gamma": gamma, "rho": rho}
                found = [cell(component, number, **same, kind=grid.kind)]
                if noise.worst_case and grid.kind == "weights":
                    found.append(replace(found[0], kind="gradient"))
                for each in found:
                    place = numbers.setdefault(each, len(numbers))
                    places.append(Place(name, panel, rho, axes, place))
    return Plan(tuple(numbers), tuple(places))


def described(place: Place, cell: Cell, kappa: float) -> dict[str, object]:
    """What tables say of a cell at a place, in the order of their columns."""
    return {
        "grid": place.grid,
        "panel": place.panel,
        "kind": cell.kind,
        "component": cell.component,
        "pool": cell.pool,
        "x": place.axes[0],
        "y": place.axes[1],
        "sigma": cell.sigma,
        "gamma": cell.gamma,
        "rho": place.rho,
        "layers": cell.layers,
        "pool_layers": cell.pool_layers,
        "kappa": kappa,
    }


def listened(noise: Noise, plan: Plan) -> list[Place]:
    """The places whose cells the taps are listened to under: the middle one of each panel.

    That is the cell with the middle σ, γ and ρ of its grid, the upper one of two.
    """
    found = []
    for name in noise.listen:
        grid = noise.grids[name]
        middle = [_middle(each) for each in (grid.sigma, grid.gamma or noise.gamma, grid.rho)]
        for place in plan.places:
            at = plan.cells[place.cell]
            own = place.grid == name and at.kind == grid.kind
            if own and [at.sigma, at.gamma, place.rho] == middle:
                found.append(place)
    return found


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _axes(grid: Grid, gammas: Sequence[float]) -> tuple[Axis, Axis]:
    """x and y; y is σ where nothing is said, or the first other one that has several values."""
    if grid.y is not None:
        return grid.x, grid.y
    values: dict[Axis, Sequence[float]] = {"sigma": grid.sigma, "rho": grid.rho, "gamma": gammas}
    others: list[Axis] = [axis for axis in values if axis != grid.x]
    several: list[Axis] = [axis for axis in others if len(values[axis]) > 1]
    return grid.x, (several or others)[0]


def _panels(grid: Grid, disturb: str, layers: Layers) -> list[tuple[str, str, str]]:
    """Name, component and pool of each panel."""
    if grid.panels == "thirds":
        return [(third, disturb, third) for third in THIRDS]
    if grid.panels == "parts":
        having = layers.having(grid.kind)
        parts = [f"{disturb}.{part}" for part in _PARTS if f"{disturb}.{part}" in having]
        return [(part, part, "all") for part in parts or [disturb]]
    return [(name, *_split(name)) for name in grid.panels]


def _split(panel: str) -> tuple[str, str]:
    """Component and pool of a panel of one's own, e.g. "mlp/rear"."""
    component, slash, pool = panel.partition("/")
    if slash and pool not in POOLS:
        raise UserError(
            f"The panel {panel!r} of a grid has no pool of layers {pool!r}; choose one of "
            f"{', '.join(POOLS)}."
        )
    return component, pool or "all"
