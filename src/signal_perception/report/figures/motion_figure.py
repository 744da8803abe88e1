"""Is it motion? The paired difference clip − static along the depth, one panel per model."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signal_perception.report.figures import lines, style
from signal_perception.report.findings import motion
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables

# A difference further above 0 than this is named in the panel: a static clip that shows nothing at
# all lies at ln ε, and drawn it would squeeze the axis of all panels.
_FAR = 5.0


def motion_figure(tables: Tables, reading: Reading, *, dpi: int) -> Figure:
    """Lines by kind of tap with 95 % bands; markers are filled where p < .05 after Holm.

    tables: model → table per tap; models without a static control are left out.
    """
    tables = {model: table for model, table in tables.items() if depth.has_static(table)}
    with style.look():
        figure, axes = lines.panels(list(tables), dpi=dpi, sharey=True)
        shown = [_panel(axis, tables[model], reading) for model, axis in axes.items()]
        every = pd.concat(shown)
        values = depth.numbers(every, "value", "low", "high")
        for axis in axes.values():
            axis.set_ylim(*lines.limits(values, least=0.25))
        lines.label_first_column(axes, "clip − static, Δ log amplitude")
        handles = [*lines.kind_handles(depth.kinds(every)), *lines.significance_handles()]
        style.legend(figure, handles, "outside lower center")
    return figure


def _panel(axis: Axes, table: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Draw one model; its taps without the values that lie too far above."""
    taps = depth.profile(table, "a", reading, control=depth.DIFFERENCE)
    far = taps["value"] > _FAR
    near = taps.copy()
    near.loc[far, ["value", "low", "high"]] = np.nan
    axis.axhline(0, color="#333333", linewidth=0.9)
    for kind in depth.kinds(near):
        _kind(axis, depth.of_kind(near, kind), kind)
    values = depth.numbers(taps.loc[far], "value")
    if len(values):
        span = f"{lines.signed(values.min())} to {lines.signed(values.max())}"
        axis.text(
            *(0.5, 0.98, f"{len(values)} of {len(taps)} taps above the axis: {span}"),
            transform=axis.transAxes,
            ha="center",
            va="top",
            fontsize=7.5,
        )
    return near


def _kind(axis: Axes, taps: pd.DataFrame, kind: str) -> None:
    color, marker = lines.KINDS[kind]
    drawn = lines.broken(taps)
    lines.band(axis, drawn, color)
    lines.line(axis, drawn, color=color, linewidth=1.2)
    lines.markers(axis, taps, motion.significant(taps), color, marker)
