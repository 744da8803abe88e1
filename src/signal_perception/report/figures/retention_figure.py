"""Which third holds out: retention against the strength of the noise, a panel per model."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import lines, style
from signal_perception.report.results import noise_cells, palette
from signal_perception.report.results.noise_cells import SYMBOLS, THIRDS

# Largest value of an axis over smallest from which it is logarithmic.
_FAR = 10
_NOTHING = {"color": "#999999", "linewidth": 0.9, "linestyle": ":"}


@dataclass(frozen=True)
class Slice:
    """The cells of the thirds along one axis, the other two held fixed.

    tables: model → cells. axis: σ or γ. fixed: what is held, for readers.
    """

    grid: str
    axis: str
    fixed: str
    tables: Mapping[str, pd.DataFrame]


def middle_slice(tables: Mapping[str, pd.DataFrame]) -> Slice | None:
    """Of the first grid of thirds in which σ or γ has several values, the line through its middle.

    The axis is σ, or γ where that has more values; what is held is the middle one of its values,
    the larger of two. None where there is no such grid. Without the models that are not shown to be
    above chance, which have nothing to retain.

    Parameters
    ----------
    tables: model → cells of all grids.
    """
    cells = pd.concat(map(_thirds, tables.values())) if tables else pd.DataFrame()
    for grid in cells["grid"].unique() if len(cells) else ():
        inside = cells.loc[cells["grid"] == grid]
        axis = max(("sigma", "gamma"), key=lambda name: inside[name].nunique())
        if inside[axis].nunique() > 1:
            return _slice(inside, grid, axis)
    return None


def retention_figure(cut: Slice, *, dpi: int) -> Figure:
    """A line per third with the band of its intervals, from 1 without noise; 0 is chance."""
    with style.look():
        figure, axes = lines.model_panels(list(cut.tables), dpi=dpi, sharey=True)
        for model, axis in axes.items():
            _panel(axis, cut.tables[model], cut.axis)
            _along(axis, cut)
        lines.label_first_column(axes, "retention")
        zero = Line2D([], [], label="chance", **_NOTHING)
        handles = [*lines.panel_handles(_titles(), linestyle="-"), zero]
        style.legend(figure, handles, "outside lower center")
    return figure


def _thirds(table: pd.DataFrame) -> pd.DataFrame:
    inside = table.loc[table["panel"].isin(THIRDS) & (table["kind"] == "weights")]
    return inside.loc[noise_cells.retention_is_defined(inside)]


def _slice(cells: pd.DataFrame, grid: str, axis: str) -> Slice:
    others = [name for name in SYMBOLS if name != axis]
    for name in others:
        values = sorted(set(cells[name]))
        cells = cells.loc[cells[name] == values[len(values) // 2]]
    held = ", ".join(f"{SYMBOLS[name]} = {cells[name].iloc[0]:g}" for name in others)
    models = dict.fromkeys(cells["model"])
    tables = {model: cells.loc[cells["model"] == model] for model in models}
    return Slice(grid, axis, held, tables)


def _panel(axis: Axes, cells: pd.DataFrame, name: str) -> None:
    axis.axhline(0, **_NOTHING)
    for panel, (color, marker) in zip(THIRDS, palette.of_panels(_titles()).values()):
        part = cells.loc[cells["panel"] == panel].sort_values(name)
        x = [0.0, *part[name]]
        low, high = [1.0, *part["retention_low"]], [1.0, *part["retention_high"]]
        axis.fill_between(x, low, high, color=color, alpha=0.16, linewidth=0)
        axis.plot(x, [1.0, *part["retention"]], color=color, marker=marker, markersize=4)


def _along(axis: Axes, cut: Slice) -> None:
    """A tick at each value; logarithmic from the first one on if they lie far apart."""
    values = sorted({float(v) for table in cut.tables.values() for v in table[cut.axis] if v})
    if values[-1] >= _FAR * values[0]:
        axis.set_xscale("symlog", linthresh=values[0], linscale=0.5)
    axis.set_xticks([0, *values], labels=["0", *(f"{value:g}" for value in values)])
    axis.minorticks_off()
    axis.set_xlabel(SYMBOLS[cut.axis])


def _titles() -> list[str]:
    return list(noise_cells.titles(THIRDS).values())
