"""Block response along the depth: where the blocks let high rhythms pass, and where they do not."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import lines, style
from signal_perception.report.findings import motion
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.vocabulary import CLIP

_HALVES = {"high-pass": (0, "#fdf1e3", 0.97, "top"), "low-pass": (1, "#e8f0f8", 0.03, "bottom")}


def response_figure(tables: Tables, reading: Reading, *, dpi: int) -> Figure:
    """One panel per model: D of the clip with 95 % bands by kind of tap, static's thin.

    Markers are filled where p < .05 after Holm.

    tables: model → table per bin, of which those with a block response are drawn.
    """
    found = {model: _values(table, reading, CLIP) for model, table in tables.items()}
    found = {model: taps for model, taps in found.items() if len(depth.numbers(taps, "value"))}
    with style.look():
        figure, axes = lines.panels(list(found), dpi=dpi, sharey=True)
        for model, axis in axes.items():
            _panel(axis, found[model], _values(tables[model], reading, depth.STATIC))
        every = pd.concat(list(found.values()))
        limits = lines.limits(depth.numbers(every, "value", "low", "high"))
        for axis in axes.values():
            axis.set_ylim(*limits)
            _halves(axis, limits)
        lines.label_first_column(axes, "D, change of Δ")
        style.legend(figure, _handles(depth.kinds(every)), "outside lower center")
    return figure


def _values(table: pd.DataFrame, reading: Reading, control: str) -> pd.DataFrame:
    """D of every tap of panel (a), NaN where it has none."""
    return depth.at_point(table, reading, quantity="block_response", control=control)


def _panel(axis: Axes, clip: pd.DataFrame, static: pd.DataFrame) -> None:
    """Draw one model."""
    axis.axhline(0, color="#333333", linewidth=0.9)
    for kind in depth.kinds(clip):
        color, marker = lines.KINDS[kind]
        behind = lines.broken(depth.of_kind(static, kind))
        lines.line(axis, behind, color=color, marker=".", markersize=2, **lines.STATIC)
        drawn = lines.broken(depth.of_kind(clip, kind))
        lines.band(axis, drawn, color)
        lines.line(axis, drawn, color=color)
        lines.markers(axis, drawn, motion.significant(drawn), color, marker)


def _halves(axis: Axes, limits: tuple[float, float]) -> None:
    """Shade and name the two halves."""
    for name, (half, color, y, va) in _HALVES.items():
        ends = (0, limits[1]) if half == 0 else (limits[0], 0)
        axis.axhspan(*ends, color=color, linewidth=0, zorder=0)
        place = {"transform": axis.transAxes, "ha": "left", "va": va}
        axis.text(0.02, y, name, fontsize=7.5, color="#666666", **place)


def _handles(kinds: list[str]) -> list[Line2D]:
    static = Line2D([], [], color="#555555", label="static clip", **lines.STATIC)
    return [*lines.kind_handles(kinds), static, *lines.significance_handles()]
