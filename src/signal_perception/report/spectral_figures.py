"""Figure 1 and its controls: Δ log amplitude along the depth of the models."""

import math
from collections.abc import Mapping, Sequence

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
_FAR = 2.0  # a control that lies further than this below everything else is named in the panel instead of squeezing the axis


def figure1(
    table: pd.DataFrame, dataset: str, *, point: str, statistic: str, reference: Reference | None, dpi: int
) -> Figure:
    """Panels (a) MSA, MLP and Conv, (b) MSA and Conv, (c) MLP and Conv: one line with its 95 % band per model.

    `reference` (panel → model → values along the depth) is drawn dotted in the colour of the model.
    """
    table = table[table["dataset"] == dataset]
    names = depth.models(table)
    looks = style.looks(names)
    with style.look():
        figure = Figure(figsize=(13, 4.9), dpi=dpi, layout="constrained")
        axes = figure.subplots(1, 3, sharey=True)
        for axis, panel in zip(axes, depth.PANELS):
            for model in names:
                taps = depth.profile(table, model, panel, point=point, statistic=statistic)
                if len(taps):
                    _line(axis, taps, *looks[model])
                for values in [reference[panel][model]] if reference and model in reference[panel] else []:
                    x = np.arange(len(values)) / (len(values) - 1)
                    axis.plot(x, np.array(values, np.float64), ":", color=looks[model][0], linewidth=1, alpha=0.6)
            axis.set(title=depth.TITLES[panel], xlabel=_X_LABEL, xlim=(-0.03, 1.03))
            axis.label_outer()
        axes[0].set_ylabel(_Y_LABEL)
        handles = [
            Line2D([], [], color=color, marker=marker, markersize=5, label=style.name(model))
            for model, (color, marker) in looks.items()
        ]
        if reference:
            handles.append(Line2D([], [], color="#555555", linestyle=":", linewidth=1, label="poster, digitised ±0.03"))
        style.legend(figure, handles, "outside lower center")
    return figure


def controls_figure(table: pd.DataFrame, dataset: str, *, point: str, statistic: str, dpi: int) -> Figure:
    """One panel per model: the taps of panel (a) for the clip and for every control, and the input pixels' own lines (horizontal, thin)."""
    table = table[table["dataset"] == dataset]
    names, controls = depth.models(table), depth.controls(table)
    looks = style.looks(names)
    columns = min(len(names), 4)
    rows = math.ceil(len(names) / columns)
    with style.look():
        figure = Figure(figsize=(max(3.25 * columns, 6.5), 2.9 * rows + 0.6), dpi=dpi, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axis in grid.flat[len(names) :]:
            axis.remove()
        for axis, model in zip(grid.flat, names):
            _controls(axis, table, model, controls, looks[model], point, statistic)
        for axis in grid[:, 0]:
            axis.set_ylabel(_Y_LABEL)
        handles = [Line2D([], [], color="black", marker="o", markersize=4, label="clip (colour of the model)")]
        handles += [
            Line2D(
                [],
                [],
                color=_GREYS[control],
                linestyle=_DASHES[control],
                linewidth=1.3,
                label=_NAMES.get(control, control),
            )
            for control in controls
        ]
        handles.append(Line2D([], [], color="#555555", linewidth=0.7, label="input pixels, in the dashes of each"))
        style.legend(figure, handles, "outside lower center")
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
    color, marker = look
    clip = depth.profile(table, model, "a", point=point, statistic=statistic)
    _line(axis, clip, color, marker)
    pixels = depth.input_delta(table, model, point=point, statistic=statistic)
    floor = np.nanmin([*clip["low"], *clip["delta"], pixels, 0])
    axis.axhline(pixels, color=color, linewidth=0.8)
    far = []
    for control in controls:
        taps = depth.profile(table, model, "a", point=point, statistic=statistic, control=control)
        own = depth.input_delta(table, model, point=point, statistic=statistic, control=control)
        drawing = {"color": _GREYS[control], "linestyle": _DASHES[control]}
        if taps["delta"].min() >= floor - _FAR:
            axis.plot(taps["x"], taps["delta"], linewidth=1.2, **drawing)
        else:
            span = f"{taps['delta'].min():.1f} to {taps['delta'].max():.1f}".replace("-", "−")
            far.append(f"{control}: {span}, below the axis")
        if own >= floor - _FAR:
            axis.axhline(own, linewidth=0.7, **drawing)
    axis.set(title=style.name(model), xlabel=_X_LABEL, xlim=(-0.03, 1.03))
    if far:
        axis.text(
            0.5, 0.02, "\n".join(far), transform=axis.transAxes, ha="center", va="bottom", fontsize=7.5, color="#a0522d"
        )
        low, high = axis.get_ylim()
        axis.set_ylim(low - 0.08 * len(far) * (high - low), high)


def _line(axis: Axes, taps: pd.DataFrame, color: str, marker: str) -> None:
    axis.fill_between(taps["x"], taps["low"], taps["high"], color=color, alpha=0.16, linewidth=0)
    size = 4 if len(taps) <= 30 else 2.8
    axis.plot(taps["x"], taps["delta"], color=color, marker=marker, markersize=size)
