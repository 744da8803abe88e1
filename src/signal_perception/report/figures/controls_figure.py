"""The controls of Figure 1: each model's clip beside its static, shuffled and reversed clips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from signal_perception.report.figures import lines, style
from signal_perception.report.results import depth, palette
from signal_perception.report.results.depth import Reading, Tables

_DASHES = {"shuffled": (0, (5, 2)), "reversed": (0, (1.2, 1.6)), "static": (0, (6, 2, 1.2, 2))}
_COLORS = {"shuffled": "#555555", "reversed": "#8a8a8a", "static": "#a0522d"}
_NAMES = {"shuffled": "shuffled frames", "reversed": "reversed clip", "static": "static clip"}
# A control that lies further than this below everything else is named in the panel; drawn, it would
# squeeze the axis.
_FAR = 2.0


def controls_figure(tables: Tables, reading: Reading, *, dpi: int) -> Figure:
    """One panel per model: the taps of panel (a) for the clip and for every control.

    Thin horizontal lines are those of the input pixels themselves. Lines break where T' changes.

    Parameters
    ----------
    tables: model → table per tap.
    """
    looks = palette.of_models(list(tables))
    with style.look():
        figure, axes = lines.panels(list(tables), dpi=dpi, sharey=True)
        notes = {
            model: _panel(axis, tables[model], looks[model], reading)
            for model, axis in axes.items()
        }
        lines.notes_below(axes, notes, _COLORS["static"])
        lines.label_first_column(axes, lines.Y_LABEL)
        style.legend(figure, _handles(depth.controls(tables)), "outside lower center")
    return figure


def _panel(axis: Axes, table: pd.DataFrame, look: tuple[str, str], reading: Reading) -> list[str]:
    """One model: the clip, then every control that is near enough to it; notes on the others."""
    clip = depth.profile(table, "a", reading)
    pixels = depth.of_input(table, reading)
    drawn = lines.broken(clip)
    lines.band(axis, drawn, look[0])
    size = lines.marker_size(clip)
    lines.line(axis, drawn, color=look[0], marker=look[1], markersize=size)
    axis.axhline(pixels, color=look[0], linewidth=0.8)
    lowest = np.nanmin([*depth.numbers(clip, "value", "low"), pixels, 0]) - _FAR
    notes = []
    for control in depth.controls({"": table}):
        taps = depth.profile(table, "a", reading, control=control)
        values = depth.numbers(taps, "value")
        if (values < lowest).any():
            notes.append(_below_the_axis(control, values))
        else:
            lines.line(axis, lines.broken(taps), linewidth=1.2, **_dashes(control))
        pixels = depth.of_input(table, reading, control=control)
        if pixels >= lowest:
            axis.axhline(pixels, linewidth=0.7, **_dashes(control))
    return notes


def _below_the_axis(control: str, values: NDArray[np.float64]) -> str:
    span = f"{lines.signed(values.min())} to {lines.signed(values.max())}"
    return f"{control}: {span}, below the axis"


def _dashes(control: str) -> dict[str, Any]:
    return {"color": _COLORS[control], "linestyle": _DASHES[control]}


def _handles(controls: Sequence[str]) -> list[Line2D]:
    clip = {"color": "black", "marker": "o", "markersize": 4}
    pixels = {"color": "#555555", "linewidth": 0.7}
    return [
        Line2D([], [], label="clip (colour of the model)", **clip),
        *(
            Line2D([], [], linewidth=1.3, label=_NAMES.get(control, control), **_dashes(control))
            for control in controls
        ),
        Line2D([], [], label="input pixels, in the dashes of each", **pixels),
    ]
