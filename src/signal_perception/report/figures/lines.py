"""What figures along the depth share: broken lines, bands, one panel per model, and legends."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from signal_perception.report.figures import style
from signal_perception.report.results import naming, palette

X_LABEL = "normalised depth"
Y_LABEL = "Δ log amplitude"
KINDS = palette.KINDS
STATIC: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 0.9, "alpha": 0.75}


def broken(taps: pd.DataFrame, sizes: Sequence[str] = ("tokens",)) -> pd.DataFrame:
    """The taps with a row of nothing between neighbours of which one of `sizes` differs.

    A line through them breaks there: their bins are other frequencies, and the number of places
    alone shifts Δ.
    """
    taps = taps.reset_index(drop=True)
    sizes_of = taps.loc[:, list(sizes)]
    changes = np.flatnonzero((sizes_of != sizes_of.shift()).any(axis=1))[1:]
    # between two whole numbers, to be sorted in
    gaps = pd.DataFrame(np.nan, index=changes - 0.5, columns=["x", "value", "low", "high"])
    return taps.reindex(taps.index.union(gaps.index))


def line(axis: Axes, taps: pd.DataFrame, **look: Any) -> None:
    """Value against depth.

    taps: columns x and value, from `broken`.
    """
    axis.plot(taps["x"], taps["value"], **look)


def band(axis: Axes, taps: pd.DataFrame, color: str) -> None:
    """The interval of each tap: a band, and a bar where a tap has no neighbour on its line."""
    taps = taps.loc[:, ["x", "low", "high"]].astype(np.float64)
    look = {"color": color, "linewidth": 0}
    axis.fill_between(taps["x"], taps["low"], taps["high"], alpha=0.16, **look)
    has = taps["low"].notna().to_numpy()
    neighbours = np.append(has[1:], False) | np.append(False, has[:-1])
    alone = taps.loc[has & ~neighbours]
    axis.vlines(alone["x"], alone["low"], alone["high"], color=color, alpha=0.35, linewidth=2)


def markers(axis: Axes, taps: pd.DataFrame, sure: pd.Series, color: str, marker: str) -> None:
    """A marker per tap, filled where it is `sure`."""
    size = marker_size(taps) + 0.5
    for part, face in ((taps.loc[sure], color), (taps.loc[~sure], "white")):
        look = {"marker": marker, "markersize": size, "markerfacecolor": face}
        line(axis, part, color=color, linestyle="None", **look)


def marker_size(taps: pd.DataFrame) -> float:
    return 4 if len(taps) <= 30 else 2.8


def panels(
    models: Sequence[str], *, dpi: int, height: float = 2.9, sharey: bool = False
) -> tuple[Figure, dict[str, Axes]]:
    """`model_panels` whose horizontal axes are the depth."""
    figure, axes = model_panels(models, dpi=dpi, height=height, sharey=sharey)
    for axis in axes.values():
        axis.set(xlabel=X_LABEL, xlim=(-0.03, 1.03))
    return figure, axes


def model_panels(
    models: Sequence[str], *, dpi: int, height: float = 2.9, sharey: bool = False
) -> tuple[Figure, dict[str, Axes]]:
    """A figure with one panel per model, four in a row, each under its model's name.

    sharey: one axis for all, labelled in the first column.
    """
    columns = min(len(models), 4)
    rows = math.ceil(len(models) / columns)
    size = (max(3.25 * columns, 6.5), height * rows + 0.6)
    figure = style.figure(size, dpi)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    for axis in grid.flat[len(models) :]:
        axis.remove()
    axes = dict(zip(models, grid.flat))
    for model, axis in axes.items():
        axis.set_title(naming.model(model))
    return figure, axes


def label_first_column(axes: Mapping[str, Axes], label: str) -> None:
    """A y label for the leftmost panel of each row."""
    for axis in axes.values():
        place = axis.get_subplotspec()
        if place is not None and place.is_first_col():
            axis.set_ylabel(label)


def limits(values: NDArray[np.float64], least: float = 0.0) -> tuple[float, float]:
    """Ends of an axis that shows all values, ± `least`, and a little of both sides of 0."""
    low, high = min(-least, *values, 0.0), max(least, *values, 0.0)
    reach = 0.12 * max(high - low, 1e-3)
    return low - reach, high + reach


def kind_handles(kinds: Sequence[str]) -> list[Line2D]:
    """Legend entries of the kinds of taps."""
    looks = {kind: KINDS[kind] for kind in kinds}
    return [
        Line2D([], [], color=color, marker=marker, markersize=5, label=kind)
        for kind, (color, marker) in looks.items()
    ]


def significance_handles() -> list[Line2D]:
    """Legend entries of filled and hollow `markers`."""
    look = {"color": "#333333", "marker": "o", "markersize": 5, "linestyle": "None"}
    return [
        Line2D([], [], label="p < .05 after Holm", **look),
        Line2D([], [], label="not significant", markerfacecolor="white", **look),
    ]


def model_handles(models: Sequence[str]) -> list[Line2D]:
    """Legend entries of the models."""
    return [
        Line2D([], [], color=color, marker=marker, markersize=5, label=naming.model(model))
        for model, (color, marker) in palette.of_models(models).items()
    ]


def panel_handles(titles: Iterable[str], linestyle: Literal["-", "None"] = "None") -> list[Line2D]:
    """Legend entries of panels of noise."""
    return [
        Line2D([], [], color=color, marker=marker, markersize=5, linestyle=linestyle, label=title)
        for title, (color, marker) in palette.of_panels(palette.order(titles)).items()
    ]


def notes_below(axes: Mapping[str, Axes], notes: Mapping[str, Sequence[str]], color: str) -> None:
    """Lines of text at the bottom of panels of one vertical axis, which is made longer for them."""
    for model, said in notes.items():
        place = {"transform": axes[model].transAxes, "ha": "center", "va": "bottom"}
        axes[model].text(0.5, 0.02, "\n".join(said), fontsize=7.5, color=color, **place)
    most = max(map(len, notes.values()), default=0)
    for axis in list(axes.values())[:1]:
        low, high = axis.get_ylim()
        axis.set_ylim(low - 0.08 * most * (high - low), high)


def one_scale(axes: Sequence[Axes]) -> None:
    """Give panels that are compared the same vertical limits: those that show all of them."""
    limits = [axis.get_ylim() for axis in axes]
    for axis in axes:
        axis.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def signed(value: float, digits: int = 1) -> str:
    """A number with a proper minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")
