"""Spectra over space, as Park and Kim draw them, and over space and time, along the diagonal."""

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from signal_perception.report.figures import lines, style
from signal_perception.report.results import depth, palette
from signal_perception.report.results.depth import Reading, Tables

_COLOURS = {"cmap": "viridis", "norm": Normalize(0, 1)}
# The last bin of the diagonal stands for a spectrum over space, whatever stands for one over time.
_POINT = "poster"
_TITLES = {
    "spatial": "spatial, top bin of the diagonal",
    "spatiotemporal": "spatiotemporal, top bin of the diagonal",
}


def spatial_figure(tables: Tables, statistic: str, *, dpi: int) -> Figure:
    """One panel per model: Δ along the diagonal frequency, a line per tap coloured by its depth.

    tables: model → table per bin, of which those `without` no spatial spectrum are drawn.
    """
    missing = without(tables, "spatial")
    models = [model for model in tables if model not in missing]
    with style.look():
        figure, axes = lines.panels(models, dpi=dpi, sharey=True)
        for model, axis in axes.items():
            _diagonals(axis, tables[model], statistic)
            axis.set(xlabel="diagonal frequency, π", xlim=(0, 1))
        lines.label_first_column(axes, lines.Y_LABEL)
        bar = figure.colorbar(ScalarMappable(**_COLOURS), ax=list(axes.values()), aspect=30)
        bar.set_label(lines.X_LABEL)
    return figure


def spatial_depth_figure(tables: Tables, statistic: str, *, dpi: int) -> Figure:
    """The top bin of the diagonal along the depth, over space and over space and time.

    A line per model with its 95 % band, broken where the sizes of its maps change.

    Parameters
    ----------
    tables: model → table per bin; models are left out of a panel that they are `without`.
    """
    reading = Reading(_POINT, statistic)
    with style.look():
        figure = style.figure((10, 4.4), dpi)
        drawn = set()
        axes = figure.subplots(1, 2)
        for axis, (transform, title) in zip(axes, _TITLES.items()):
            drawn |= _top_bins(axis, tables, reading, transform)
            axis.set(title=title, xlabel=lines.X_LABEL, xlim=(-0.03, 1.03))
            axis.set_ylabel(lines.Y_LABEL)
        lines.one_scale(list(axes))
        models = [model for model in tables if model in drawn]
        style.legend(figure, lines.model_handles(models), "outside lower center")
    return figure


def without(tables: Tables, transform: str) -> dict[str, str]:
    """The models of which no tap has a bin beyond 0, each with the reason."""
    needed = ", and a diagonal needs at least 4 on every axis"
    if transform == "spatiotemporal":
        needed += " and in time"
    return {
        model: f"its maps have at most {_largest(table)} places{needed}"
        for model, table in tables.items()
        if not _has(table, transform)
    }


def _has(table: pd.DataFrame, transform: str) -> bool:
    """Whether any tap of panel (a) has a bin beyond 0."""
    rows = depth.spectra(table, "log_mean", transform=transform)
    return bool((rows["bin"] > 0).any())


def _largest(table: pd.DataFrame) -> str:
    """The sizes of the largest map of a drawn tap, e.g. 2 × 2."""
    rows = depth.spectra(table, "log_mean")
    sizes = rows.loc[:, ["height", "width"]].dropna().astype(int)
    top = max(zip(sizes["height"], sizes["width"]), key=lambda size: size[0] * size[1])
    return f"{top[0]} × {top[1]}"


def _diagonals(axis: Axes, table: pd.DataFrame, statistic: str) -> None:
    colour = colormaps[_COLOURS["cmap"]]
    rows = depth.spectra(table, statistic, transform="spatial")
    for x, part in rows.loc[rows["bin"].notna()].groupby("x"):
        if len(part) > 1:
            axis.plot(part["omega"], part["value"], color=colour(x), linewidth=1.1)


def _top_bins(axis: Axes, tables: Tables, reading: Reading, transform: str) -> set[str]:
    """Draw one line per model; the models that were drawn."""
    missing = without(tables, transform)
    for model, (color, marker) in palette.of_models(list(tables)).items():
        if model not in missing:
            taps = depth.at_point(tables[model], reading, transform=transform)
            drawn = lines.broken(taps, depth.SIZES[transform])
            lines.band(axis, drawn, color)
            size = lines.marker_size(taps)
            lines.line(axis, drawn, color=color, marker=marker, markersize=size)
    return set(tables) - set(missing)
