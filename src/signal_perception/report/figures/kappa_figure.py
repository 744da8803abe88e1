"""Top-1 of every cell against κ, the amplitude of the noise relative to the weights."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures import lines, style
from signal_perception.report.findings.kappa import Curve
from signal_perception.report.results import palette

# Largest κ over smallest from which an axis is logarithmic.
_DECADE = 10
_FIT = {"color": "#333333", "linewidth": 1.2}
_CLEAN = {"color": "#333333", "linewidth": 0.9, "linestyle": (0, (4, 2))}
_CHANCE = {"color": "#999999", "linewidth": 0.9, "linestyle": ":"}


def kappa_figure(curves: Sequence[Curve], *, dpi: int) -> Figure:
    """A panel per model: cells by colour and marker of their panel, and the decreasing curve."""
    kappas = np.concatenate([curve.cells["kappa"].to_numpy(np.float64) for curve in curves])
    scale = "log" if kappas.max() >= _DECADE * kappas.min() else "linear"
    with style.look():
        figure, axes = lines.model_panels([c.model for c in curves], dpi=dpi, sharey=True)
        titles = [title for curve in curves for title in curve.residuals]
        for curve in curves:
            axis = axes[curve.model]
            _panel(axis, curve, palette.of_panels(titles))
            axis.set(xlabel="κ", xscale=scale, ylim=(0, 101))
            axis.xaxis.set_major_formatter("{x:g}")
        lines.label_first_column(axes, "top-1, %")
        style.legend(figure, [*lines.panel_handles(titles), *_handles()], "outside lower center")
    return figure


def _panel(axis: Axes, curve: Curve, looks: Mapping[str, tuple[str, str]]) -> None:
    cells = curve.cells
    axis.axhline(cells["clean_top1"].iloc[0], **_CLEAN)
    axis.axhline(cells["chance_top1"].iloc[0], **_CHANCE)
    axis.plot(cells["kappa"], cells["fit"], **_FIT)
    for title in curve.residuals:
        color, marker = looks[title]
        part = cells.loc[cells["title"] == title]
        look = {"marker": marker, "markersize": 4.5, "alpha": 0.8, "markeredgewidth": 0}
        axis.plot(part["kappa"], part["top1_mean"], color=color, linestyle="None", **look)


def _handles() -> list[Line2D]:
    return [
        Line2D([], [], label="best decreasing curve", **_FIT),
        Line2D([], [], label="clean", **_CLEAN),
        Line2D([], [], label="chance", **_CHANCE),
    ]
