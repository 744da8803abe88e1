"""The cells of one grid of noise of all models, as its charts draw them and offer them as CSV."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signal_perception.report.charts.inputs import known
from signal_perception.report.results import naming, noise_cells, palette
from signal_perception.report.results.noise_cells import SYMBOLS, WORST_CASE

# What a cell says → what readers choose.
MEASURES = {"top1": "top-1, %", "top5": "top-5, %", "retention": "retention"}
# A reader's name of each kind of noise.
KINDS = {"weights": "on weights", "activations": "on activations", WORST_CASE: "worst case"}
_NUMBERS = {
    "kappa": "kappa",
    **{
        f"top{k}_{of}": f"top{k}{'' if of == 'mean' else f'_{of}'}"
        for k in (1, 5)
        for of in ("mean", "low", "high")
    },
    **{name: name for name in ("retention", "retention_low", "retention_high")},
    **{f"{of}_top{k}": f"{of}_top{k}" for k in (1, 5) for of in ("clean", "chance")},
    "repeats": "repeats",
    "n_videos": "videos",
    "n_clusters": "sources",
}


@dataclass(frozen=True)
class Grid:
    """The cells of one grid.

    cells: a row per model, panel, kind and place; equal cells once: `rho` is a text of all ρ that
    they stand for, `layers` disturbed ones of how many. x, y: the axes; third: the other variable.
    looks: panels as they are called in `panel`, in order. titles: the same with formulas.
    """

    name: str
    cells: pd.DataFrame
    x: str
    y: str
    titles: Sequence[str]

    @property
    def models(self) -> list[str]:
        """Names of the models, as in the table."""
        return list(dict.fromkeys(self.cells["model"]))

    @property
    def panels(self) -> list[str]:
        """Names of the panels, as in the table."""
        return [noise_cells.plain(title) for title in palette.order(self.titles)]

    @property
    def kinds(self) -> list[str]:
        """Kinds of noise, as in the table."""
        return list(dict.fromkeys(self.cells["noise"]))

    @property
    def third(self) -> str:
        """The variable that is no axis."""
        return next(axis for axis in SYMBOLS if axis not in (self.x, self.y))

    def values(self, variable: str) -> list[str | float]:
        """The values of σ, γ or ρ, ascending; of ρ as texts, each alone."""
        if variable != "rho":
            return sorted({float(value) for value in self.cells[variable]})
        every = {rho for text in self.cells["rho"] for rho in text.split(", ")}
        return sorted(every, key=float)

    @property
    def varying(self) -> list[str]:
        """The variables with several values, x first."""
        return [each for each in (self.x, self.y, self.third) if len(self.values(each)) > 1]

    @property
    def fixed(self) -> str:
        """What all cells share, e.g. "ρ = 0.5"; empty where they share nothing."""
        shared = [name for name in SYMBOLS if len(self.values(name)) == 1]
        return ", ".join(f"{SYMBOLS[name]} = {_text(self.values(name)[0])}" for name in shared)

    def measures(self) -> dict[str, str]:
        """Those of MEASURES that any model has."""
        return known(self.cells, MEASURES)


def grids(tables: Mapping[str, pd.DataFrame]) -> list[Grid]:
    """All grids, in their order. tables: model → cells of all grids."""
    names = dict.fromkeys(grid for table in tables.values() for grid in table["grid"])
    return [_grid(name, tables) for name in names]


def is_at(variable: str, value: str) -> str:
    """An expression of Vega: whether a row lies at a value of σ, γ or ρ, that of a parameter."""
    if variable == "rho":
        return f"indexof(split('' + datum.rho, ', '), '' + {value}) >= 0"
    return f"datum.{variable} == {value}"


def _grid(name: str, tables: Mapping[str, pd.DataFrame]) -> Grid:
    inside = {model: table.loc[table["grid"] == name] for model, table in tables.items()}
    inside = {model: cells for model, cells in inside.items() if len(cells)}
    first = next(iter(inside.values()))
    parts, titles = [], []
    for model, cells in inside.items():
        names = noise_cells.titles(cells["panel"])
        titles += names.values()
        defined = bool(noise_cells.retention_is_defined(cells).all())
        parts.append(_cells(model, noise_cells.merged(cells), names, defined))
    whole = pd.concat(parts, ignore_index=True)
    x, y = str(first["x"].iloc[0]), str(first["y"].iloc[0])
    return Grid(name, whole, x, y, list(dict.fromkeys(titles)))


def _cells(
    model: str, cells: pd.DataFrame, names: Mapping[str, str], defined: bool
) -> pd.DataFrame:
    kinds = noise_cells.kinds(cells)
    numbers = cells.loc[:, list(_NUMBERS)].rename(columns=_NUMBERS)
    found = pd.DataFrame(
        {
            "model": naming.model(model),
            "panel": [noise_cells.plain(names[panel]) for panel in cells["panel"]],
            "noise": [KINDS.get(kind, kind) for kind in cells["kind"]],
            "sigma": cells["sigma"],
            "gamma": cells["gamma"],
            "rho": cells["rhos"],
            "layers": _layers(cells["layers"], cells["pool_layers"]),
        },
        index=cells.index,
    ).join(numbers)
    if not defined:
        found[["retention", "retention_low", "retention_high"]] = np.nan
    order = np.argsort([kinds.index(kind) for kind in cells["kind"]], kind="stable")
    return found.assign(no_retention="" if defined else noise_cells.AT_CHANCE).iloc[order]


def _layers(counts: Iterable[float], sizes: Iterable[float]) -> list[str]:
    return [f"{count:g} of {size:g}" for count, size in zip(counts, sizes)]


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
