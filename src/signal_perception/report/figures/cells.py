"""Depth × frequency as cells of colour: each tap a column, each bin as high as it is wide in ω."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from signal_perception.report.figures import lines, style
from signal_perception.report.results import naming

_EMPTY = "#dddddd"


def cells_figure(
    rows: Mapping[str, Mapping[str, pd.DataFrame]],
    models: Sequence[str],
    *,
    colours: Mapping[str, Any],
    label: str,
    dpi: int,
) -> Figure:
    """A grid of panels, one column per model, with one scale of colour.

    rows: label of a row → model → bins as in `cells`; no panel where a model has none.
    colours: cmap and norm. label: of the scale.
    """
    with style.look():
        size = (max(1.45 * len(models) + 1.5, 6.5), 1.8 * len(rows) + 0.9)
        figure = style.figure(size, dpi)
        grid = figure.subplots(len(rows), len(models), squeeze=False)
        for axes, (name, parts) in zip(grid, rows.items()):
            first = True
            for axis, model in zip(axes, models):
                if model not in parts:
                    axis.set_axis_off()
                    continue
                cells(axis, parts[model], **colours)
                axis.set_ylabel(f"{name}\nω, π" if first else "")
                axis.tick_params(labelsize=7.5, labelleft=first)
                first = False
        for axes, model in zip(grid.T, models):
            axes[0].set_title(naming.model(model).replace(" (", "\n("), fontsize=9)
            drawn = [axis for axis in axes if axis.axison]
            for axis in drawn:
                axis.tick_params(labelbottom=axis is drawn[-1])
        figure.supxlabel(lines.X_LABEL, fontsize=9.5)
        _scale(figure, grid, colours).set_label(label)
    return figure


def cells(axis: Axes, rows: pd.DataFrame, **colours: Any) -> None:
    """Draw one model's bins: x normalised depth, y ω in units of π; one mesh per run of equal T'.

    A bin k covers ω = 2(k ± ½)/T' as far as that lies between 0 and 1. What no bin covers, and taps
    without bins, stay grey.

    Parameters
    ----------
    rows: columns x, tokens, bin, value; a tap without bins has a row with neither bin nor value.
    """
    axis.set_facecolor(_EMPTY)
    axis.grid(visible=False)
    taps = rows.drop_duplicates("x").sort_values("x")
    edges = _edges(taps["x"].to_numpy(np.float64))
    axis.set(ylim=(0, 1), yticks=(0, 0.5, 1), xlim=(edges[0], edges[-1]), xticks=(0, 0.5, 1))
    run = (taps["tokens"] != taps["tokens"].shift()).cumsum().to_numpy()
    for inside in (np.flatnonzero(run == number) for number in dict.fromkeys(run)):
        places = taps["x"].iloc[inside]
        part = rows.loc[rows["x"].isin(places) & rows["bin"].notna()]
        if len(part):
            values = part.pivot(index="bin", columns="x", values="value").reindex(columns=places)
            heights = _heights(values.index.to_numpy(np.float64), part["tokens"].iloc[0])
            x = edges[inside[0] : inside[-1] + 2]
            axis.pcolormesh(x, heights, np.ma.masked_invalid(values.to_numpy()), **colours)


def _scale(figure: Figure, grid: NDArray, colours: Mapping[str, Any]) -> Colorbar:
    """The scale of colour beside the grid, with plain numbers where it is logarithmic."""
    look: dict[str, Any] = {"pad": 0.01, "aspect": 30}
    if isinstance(colours["norm"], LogNorm):
        look |= {"ticks": LogLocator(subs=(1, 2, 5)), "format": "%g", "extend": "min"}
    bar = figure.colorbar(ScalarMappable(**colours), ax=grid, **look)
    bar.minorticks_off()
    return bar


def _edges(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of the columns at these places: half-way, and as far beyond the first and last."""
    if len(places) == 1:
        return places[0] + np.array([-0.5, 0.5])
    middle = (places[1:] + places[:-1]) / 2
    return np.array([2 * places[0] - middle[0], *middle, 2 * places[-1] - middle[-1]])


def _heights(bins: NDArray[np.float64], tokens: float) -> NDArray[np.float64]:
    """Edges of successive bins in ω, units of π."""
    return np.clip(2 * (np.append(bins, bins[-1] + 1) - 0.5) / tokens, 0, 1)
