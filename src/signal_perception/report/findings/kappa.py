"""Does one curve of the relative amplitude κ explain the accuracy of all cells of noise?

The curve is the best decreasing one (isotonic regression) through all cells of one model, whatever
their panel. Nothing here is tested: cells share videos and draws, so they are no sample.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from signal_perception.report.results import naming, noise_cells, palette

# Points of top-1 over which the cells of a model have to differ for a curve to mean anything, and
# beyond which a panel is said to lie off it.
_POINTS = 5.0
# Share of the variance from which the cells are said to lie on one curve.
_MOST = 0.9


@dataclass(frozen=True)
class Curve:
    """One model's cells of kind weights, and the curve through them.

    cells: columns kappa, top1_mean, top1_low, top1_high, title (of the panel), fit and residual
    (points, above 0: the cell is better than the curve). explained: share of the variance, NaN
    where all cells are equal. held: cells whose interval holds the curve. residuals: title of a
    panel → mean.
    """

    model: str
    cells: pd.DataFrame
    explained: float
    held: int
    residuals: Mapping[str, float]
    finding: str


def curves(tables: Mapping[str, pd.DataFrame]) -> list[Curve]:
    """One `Curve` per model that has cells with a κ above 0.

    tables: model → cells of all grids.
    """
    found = ((model, _cells(table)) for model, table in tables.items())
    return [_curve(model, cells) for model, cells in found if len(cells)]


def decreasing(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best decreasing function of x at the points themselves: equal x have equal values."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=y) / counts
    return isotonic_regression(means, weights=counts, increasing=False).x[inverse]


def finding(model: str, cells: pd.DataFrame, explained: float, off: Mapping[str, float]) -> str:
    """The answer as one sentence, by this rule.

    - The cells differ by less than 5 points, or are of one panel: no question.
    - The curve explains 90 % of the variance or more, and no panel lies more than 5 points off it
      on average: one curve. Else not, and the panels that do are named.

    off: title of a panel → mean residual.
    """
    start = naming.model(model)
    spread = float(np.ptp(noise_cells.column(cells, "top1_mean")))
    if spread < _POINTS:
        return f"{start}: no answer; all cells lie within {spread:.1f} points."
    if len(off) < 2:
        return f"{start}: no answer; there is one panel alone."
    share = f"κ alone explains {100 * explained:.0f} % of the variance of {len(cells)} cells"
    far = {title: value for title, value in off.items() if abs(value) > _POINTS}
    if far:
        places = ", ".join(_off(title, value) for title, value in far.items())
        return f"{start}: no common curve; {share}, and on average {places} it."
    if explained < _MOST:
        return f"{start}: no common curve; {share}, though no panel is off by more than 5 points."
    return f"{start}: one curve; {share}, and no panel is off by more than 5 points on average."


def _off(title: str, residual: float) -> str:
    side = "above" if residual > 0 else "below"
    return f"{noise_cells.in_words(title)} is {abs(residual):.1f} points {side}"


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """Each cell of kind weights that changes something, with the title of its panel."""
    cells = noise_cells.distinct(table)
    cells = cells.loc[(cells["kind"] == "weights") & (cells["kappa"] > 0)]
    names = noise_cells.titles(cells["panel"])
    return cells.assign(title=[names[panel] for panel in cells["panel"]]).sort_values(
        "kappa", kind="stable", ignore_index=True
    )


def _curve(model: str, cells: pd.DataFrame) -> Curve:
    y, low, high = (noise_cells.column(cells, f"top1_{name}") for name in ("mean", "low", "high"))
    fit = decreasing(noise_cells.column(cells, "kappa"), y)
    cells = cells.assign(fit=fit, residual=y - fit)
    total = ((y - y.mean()) ** 2).sum()
    explained = float(1 - ((y - fit) ** 2).sum() / total) if total > 0 else float("nan")
    residuals = {
        title: float((y - fit)[cells["title"] == title].mean())
        for title in palette.order(cells["title"])
    }
    held = int(((low <= fit) & (fit <= high)).sum())
    return Curve(
        model, cells, explained, held, residuals, finding(model, cells, explained, residuals)
    )
