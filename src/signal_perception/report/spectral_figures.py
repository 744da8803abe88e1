"""Figure 1 and its controls: Δ log amplitude along the depth of the models."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report import depth, style

Reference = Mapping[str, Mapping[str, Sequence[float | None]]]

_Y_LABEL = "Δ log amplitude"
_X_LABEL = "normalised depth"
_DASHES = {"shuffled": (0, (5, 2)), "reversed": (0, (1.2, 1.6)), "static": (0, (6, 2, 1.2, 2))}
_GREYS = {"shuffled": "#555555", "reversed": "#8a8a8a", "static": "#a0522d"}
_NAMES = {"shuffled": "shuffled frames", "reversed": "reversed clip", "static": "static clip"}
# A control that lies further than this below everything else is named in the panel; drawn, it would
# squeeze the axis.
_FAR = 2.0


def figure1(
    table: pd.DataFrame,
    dataset: str,
    *,
    point: str,
    statistic: str,
    reference: Reference | None,
    dpi: int,
) -> Figure:
    """Panels (a), (b) and (c) of Figure 1: one line with its 95 % band per model.

    reference: panel → model → values along the depth, drawn dotted in the colour of the model.
    """
    table = table.loc[table["dataset"] == dataset]
    looks = style.looks(depth.models(table))
    with style.look():
        figure = Figure(figsize=(13, 4.9), dpi=dpi, layout="constrained")
        axes = figure.subplots(1, 3, sharey=True)
        for axis, panel in zip(axes, depth.PANELS):
            for model, look in looks.items():
                taps = depth.profile(table, model, panel, point=point, statistic=statistic)
                if len(taps):
                    _line(axis, taps, *look)
                if reference and model in reference[panel]:
                    _dotted(axis, reference[panel][model], look[0])
            axis.set(title=depth.TITLES[panel], xlabel=_X_LABEL, xlim=(-0.03, 1.03))
            axis.label_outer()
        axes[0].set_ylabel(_Y_LABEL)
        style.legend(figure, _model_handles(looks, bool(reference)), "outside lower center")
    return figure


def controls_figure(
    table: pd.DataFrame, dataset: str, *, point: str, statistic: str, dpi: int
) -> Figure:
    """One panel per model: the taps of panel (a) for the clip and for every control.

    Thin horizontal lines are those of the input pixels themselves.
    """
    table = table.loc[table["dataset"] == dataset]
    names, controls = depth.models(table), depth.controls(table)
    looks = style.looks(names)
    columns = min(len(names), 4)
    rows = math.ceil(len(names) / columns)
    size = (max(3.25 * columns, 6.5), 2.9 * rows + 0.6)
    with style.look():
        figure = Figure(figsize=size, dpi=dpi, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axis in grid.flat[len(names) :]:
            axis.remove()
        for axis, model in zip(grid.flat, names):
            _controls(axis, table, model, controls, looks[model], point, statistic)
        for axis in grid[:, 0]:
            axis.set_ylabel(_Y_LABEL)
        style.legend(figure, _control_handles(controls), "outside lower center")
    return figure


def _controls(
    axis: Axes,
    table: pd.DataFrame,
    model: str,
    controls: Sequence[str],
    look: tuple[str, str],
    point: str,
    statistic: str,
) -> None:
    """One panel: lines of the clip, then of every control that is near enough to it."""
    clip = depth.profile(table, model, "a", point=point, statistic=statistic)
    _line(axis, clip, *look)
    pixels = depth.input_delta(table, model, point=point, statistic=statistic)
    axis.axhline(pixels, color=look[0], linewidth=0.8)
    lowest = np.nanmin([*clip["low"], *clip["delta"], pixels, 0]) - _FAR
    notes = []
    for control in controls:
        chosen = {"point": point, "statistic": statistic, "control": control}
        taps = depth.profile(table, model, "a", **chosen)
        pixels = depth.input_delta(table, model, **chosen)
        if taps["delta"].min() >= lowest:
            axis.plot(taps["x"], taps["delta"], linewidth=1.2, **_dashes(control))
        else:
            notes.append(_below_the_axis(control, taps))
        if pixels >= lowest:
            axis.axhline(pixels, linewidth=0.7, **_dashes(control))
    axis.set(title=style.name(model), xlabel=_X_LABEL, xlim=(-0.03, 1.03))
    if notes:
        _write_at_the_bottom(axis, notes)


def _below_the_axis(control: str, taps: pd.DataFrame) -> str:
    span = f"{taps['delta'].min():.1f} to {taps['delta'].max():.1f}".replace("-", "−")
    return f"{control}: {span}, below the axis"


def _write_at_the_bottom(axis: Axes, lines: Sequence[str]) -> None:
    """Lines of text inside the axis, which is made longer for them."""
    place = {"transform": axis.transAxes, "ha": "center", "va": "bottom"}
    axis.text(0.5, 0.02, "\n".join(lines), fontsize=7.5, color="#a0522d", **place)
    low, high = axis.get_ylim()
    axis.set_ylim(low - 0.08 * len(lines) * (high - low), high)


def _line(axis: Axes, taps: pd.DataFrame, color: str, marker: str) -> None:
    axis.fill_between(taps["x"], taps["low"], taps["high"], color=color, alpha=0.16, linewidth=0)
    size = 4 if len(taps) <= 30 else 2.8
    axis.plot(taps["x"], taps["delta"], color=color, marker=marker, markersize=size)


def _dotted(axis: Axes, values: Sequence[float | None], color: str) -> None:
    x = np.arange(len(values)) / (len(values) - 1)
    axis.plot(x, np.array(values, np.float64), ":", color=color, linewidth=1, alpha=0.6)


def _dashes(control: str) -> dict[str, Any]:
    return {"color": _GREYS[control], "linestyle": _DASHES[control]}


def _model_handles(looks: Mapping[str, tuple[str, str]], reference: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=color, marker=marker, markersize=5, label=style.name(model))
        for model, (color, marker) in looks.items()
    ]
    if reference:
        dotted = {"color": "#555555", "linestyle": ":", "linewidth": 1}
        handles.append(Line2D([], [], label="poster, digitised ±0.03", **dotted))
    return handles


def _control_handles(controls: Sequence[str]) -> list[Line2D]:
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
