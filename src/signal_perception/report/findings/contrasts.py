"""Which part of a model is weakest: the paired contrasts of the stage noise, as rows and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from signal_perception.report.results import naming, noise_cells

_KINDS = {"weights": "", "activations": "activations", "gradient": "worst case"}


@dataclass(frozen=True)
class Contrast:
    """Two panels of a grid over their matched cells.

    kind: empty for noise on weights. difference, low, high: points of accuracy, first − second.
    kappas: mean κ of both. weaker: the panel that loses more, empty where this is not significant.
    """

    model: str
    grid: str
    kind: str
    first: str
    second: str
    cells: int
    difference: float
    low: float
    high: float
    p_holm: float
    kappas: tuple[float, float]
    weaker: str


@dataclass(frozen=True)
class Findings:
    """What the significant contrasts of a model in a grid say, and how many of all there are."""

    model: str
    grid: str
    sentences: Sequence[str]
    compared: int


def contrasts(tables: Mapping[str, pd.DataFrame], k: int) -> list[Contrast]:
    """All contrasts of top-k accuracy, model by model. tables: model → its contrasts."""
    return [
        _contrast(model, row)
        for model, table in tables.items()
        for row in table.loc[table["k"] == k].to_dict("records")
    ]


def findings(tables: Mapping[str, pd.DataFrame]) -> list[Findings]:
    """The sentences of the contrasts of top-1 that are significant after Holm."""
    found = []
    for model, table in tables.items():
        rows = table.loc[table["k"] == 1]
        for grid in dict.fromkeys(rows["grid"]):
            inside = rows.loc[rows["grid"] == grid]
            sure = inside.loc[inside["weaker"].notna() & (inside["weaker"] != "")]
            names = naming.model(model), noise_cells.grid_title(grid)
            found.append(Findings(*names, tuple(sure["finding"]), len(inside)))
    return found


def _contrast(model: str, row: Mapping) -> Contrast:
    names = {
        panel: noise_cells.plain(title)
        for panel, title in noise_cells.titles([row["first"], row["second"]]).items()
    }
    return Contrast(
        model=naming.model(model),
        grid=noise_cells.grid_title(row["grid"]),
        kind=_KINDS[row["kind"]],
        first=names[row["first"]],
        second=names[row["second"]],
        cells=int(row["cells"]),
        **{name: float(row[name]) for name in ("difference", "low", "high", "p_holm")},
        kappas=(float(row["kappa_first"]), float(row["kappa_second"])),
        weaker=names.get(row["weaker"], ""),
    )
