"""Figure 1 in the poster's form: Δ log amplitude along the depth, all models in three panels."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import lines, style
from signal_perception.report.results import depth, palette
from signal_perception.report.results.depth import Reading, Tables

Reference = Mapping[str, Mapping[str, Sequence[float | None]]]

# The axis goes on below the lowest clip by this share of what the clips span, for static curves.
_BELOW = 0.35


def figure1(tables: Tables, reading: Reading, reference: Reference | None, *, dpi: int) -> Figure:
    """Panels (a), (b) and (c): a line with its 95 % band per model, its static clip thin behind it.

    Lines break where T' changes between neighbouring taps.

    Parameters
    ----------
    tables: model → table per tap.
    reference: panel → model → values along the depth, drawn dotted in the colour of the model.
    """
    with style.look():
        figure = style.figure((13, 4.9), dpi)
        axes = figure.subplots(1, 3, sharey=True)
        shown = [
            value
            for axis, panel in zip(axes, depth.PANELS)
            for value in _panel(axis, tables, panel, reading, reference)
        ]
        if shown:
            low, high = min(shown), max(shown)
            axes[0].set_ylim(low - _BELOW * (high - low), high + 0.06 * (high - low))
        axes[0].set_ylabel(lines.Y_LABEL)
        style.legend(figure, _handles(tables, reference is not None), "outside lower center")
    return figure


def _panel(
    axis: Axes, tables: Tables, panel: str, reading: Reading, reference: Reference | None
) -> list[float]:
    """Draw one panel; the values that its axis has to show."""
    shown: list[float] = []
    for model, (color, marker) in palette.of_models(list(tables)).items():
        static = depth.profile(tables[model], panel, reading, control=depth.STATIC)
        behind = {"color": color, "marker": ".", "markersize": 2, "zorder": 1.5}
        lines.line(axis, lines.broken(static), **behind, **lines.STATIC)
        taps = depth.profile(tables[model], panel, reading)
        drawn = lines.broken(taps)
        lines.band(axis, drawn, color)
        size = lines.marker_size(taps)
        lines.line(axis, drawn, color=color, marker=marker, markersize=size)
        shown += [*depth.numbers(taps, "value", "low", "high")]
        # below the clips a static curve may leave the axis, above them it is a finding
        values = depth.numbers(static, "value")
        shown += [*values[values > max(shown, default=np.inf)]]
        if reference and model in reference[panel]:
            shown += _dotted(axis, reference[panel][model], color)
    axis.set(title=depth.TITLES[panel], xlabel=lines.X_LABEL, xlim=(-0.03, 1.03))
    axis.label_outer()
    return shown


def _dotted(axis: Axes, values: Sequence[float | None], color: str) -> list[float]:
    """Draw the poster's values; those that are readable."""
    x = np.arange(len(values)) / (len(values) - 1)
    axis.plot(x, np.array(values, np.float64), ":", color=color, linewidth=1, alpha=0.6)
    return [value for value in values if value is not None]


def _handles(tables: Tables, reference: bool) -> list[Line2D]:
    handles = lines.model_handles(list(tables))
    if any(depth.STATIC in set(table["control"]) for table in tables.values()):
        handles.append(Line2D([], [], color="#555555", label="static clip", **lines.STATIC))
    if reference:
        dotted = {"color": "#555555", "linestyle": ":", "linewidth": 1}
        handles.append(Line2D([], [], label="poster, digitised ±0.03", **dotted))
    return handles
