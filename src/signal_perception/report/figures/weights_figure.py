"""Other weights beside a model's own: Δ along the depth, and the paired difference below it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import lines, style
from signal_perception.report.findings import motion
from signal_perception.report.results import depth, naming, palette, weights
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.weights import Others

OWN = palette.OWN
# Dashes of other weights, in turn, which have a colour each.
_DASHES = ((0, (5, 2)), (0, (1.2, 1.2)), (0, (6, 2, 1.2, 2)), (0, (3, 1)))
_LOOKS = tuple(zip(palette.OTHERS, _DASHES))


def weights_figure(
    others: Others, owns: Tables, reading: Reading, dataset: str, *, dpi: int
) -> Figure:
    """Two panels per model, one below the other.

    Above: Δ of the clip with own weights (band) and with each of the others. Below: other − own
    with 95 % bands; markers are filled where p < .05 after Holm.

    Parameters
    ----------
    others: model → weights → table per tap, those `weights.present`.
    owns: model → table per tap with the data set's own weights.
    """
    looks = looks_of(weights.every(others))
    with style.look():
        figure, above, below = _grid(list(others), dpi)
        shown = []
        for model, tables in others.items():
            _levels(above[model], owns[model], tables, reading, looks)
            shown += _differences(below[model], tables, reading, looks)
        limits = lines.limits(depth.numbers(pd.concat(shown), "value", "low", "high"), least=0.25)
        for axis in below.values():
            axis.set_ylim(*limits)
        lines.one_scale(list(above.values()))
        lines.label_first_column(above, lines.Y_LABEL)
        lines.label_first_column(below, "other − own")
        style.legend(figure, _handles(looks, dataset), "outside lower center")
    return figure


def looks_of(others: Sequence[str]) -> dict[str, Any]:
    """Colour and dashes of each of other weights."""
    return {each: _LOOKS[place % len(_LOOKS)] for place, each in enumerate(others)}


def _grid(models: Sequence[str], dpi: int) -> tuple[Figure, dict[str, Axes], dict[str, Axes]]:
    """A figure with two axes per model, one below the other, four models in a row."""
    columns = min(len(models), 4)
    rows = math.ceil(len(models) / columns)
    figure = style.figure((max(3.25 * columns, 6.5), 4.6 * rows + 0.6), dpi)
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[1.3, 1] * rows)
    above, below = (dict(zip(models, grid[first::2].flat)) for first in (0, 1))
    for axis in [*grid[0::2].flat[len(models) :], *grid[1::2].flat[len(models) :]]:
        axis.remove()
    for model in models:
        above[model].set(title=naming.model(model), xlim=(-0.03, 1.03))
        above[model].tick_params(labelbottom=False)
        below[model].set(xlabel=lines.X_LABEL, xlim=(-0.03, 1.03))
    for place, axis in enumerate(below.values()):
        axis.tick_params(labelleft=place % columns == 0)
    return figure, above, below


def _levels(
    axis: Axes, own: pd.DataFrame, tables: Tables, reading: Reading, looks: Mapping[str, Any]
) -> None:
    """Δ of the clip: own weights with their band, the others thin over it."""
    taps = depth.profile(own, "a", reading)
    lines.band(axis, lines.broken(taps), OWN)
    look = {"color": OWN, "marker": "o", "markersize": 0.75 * lines.marker_size(taps)}
    lines.line(axis, lines.broken(taps), **look)
    for each, table in tables.items():
        color, dashes = looks[each]
        drawn = lines.broken(depth.profile(table, "a", reading))
        lines.line(axis, drawn, color=color, linestyle=dashes, linewidth=1.2)


def _differences(
    axis: Axes, tables: Tables, reading: Reading, looks: Mapping[str, Any]
) -> list[pd.DataFrame]:
    """Other − own of each of the weights; the taps that were drawn."""
    axis.axhline(0, color="#333333", linewidth=0.9)
    shown = []
    for each, table in tables.items():
        color, dashes = looks[each]
        taps = depth.profile(table, "a", reading, control=weights.DIFFERENCE)
        lines.band(axis, lines.broken(taps), color)
        lines.line(axis, lines.broken(taps), color=color, linestyle=dashes, linewidth=1.2)
        lines.markers(axis, taps, motion.significant(taps), color, "o")
        shown.append(taps)
    return shown


def _handles(looks: Mapping[str, Any], dataset: str) -> list[Line2D]:
    own = weights.name(dataset, dataset)
    return [
        Line2D([], [], color=OWN, marker="o", markersize=4, label=f"own: {own}"),
        *(
            Line2D([], [], color=color, linestyle=dashes, label=weights.name(each, dataset))
            for each, (color, dashes) in looks.items()
        ),
        *lines.significance_handles(),
    ]
