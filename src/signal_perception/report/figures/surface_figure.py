"""The poster's view of Figures 2–4: surfaces of accuracy over the grid, below the clean planes."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d.axes3d import Axes3D

from signal_perception.report.figures import style
from signal_perception.report.results import noise_cells
from signal_perception.report.results.noise_cells import SCORES, Facet

_COLORS = {"top1": "#332288", "top5": "#e08b00"}


def has_surfaces(cells: pd.DataFrame) -> bool:
    """Whether both axes of a grid have two values or more, which a surface needs."""
    return any(map(_is_surface, noise_cells.facets(noise_cells.without_worst_case(cells))))


def surface_figure(cells: pd.DataFrame, model: str, grid: str, *, dpi: int) -> Figure:
    """A row of surfaces for top-1 and one for top-5, so that neither hides the other.

    All heights run from 0 to 100 %. cells: of one model and grid, one that `has_surfaces`; the
    worst case is not drawn.
    """
    facets = [
        f for f in noise_cells.facets(noise_cells.without_worst_case(cells)) if _is_surface(f)
    ]
    with style.look():
        figure = style.figure((3.7 * len(facets), 6.6), dpi)
        figure.suptitle(noise_cells.heading(cells, model, grid), fontsize=11)
        axes = figure.subplots(
            len(SCORES), len(facets), squeeze=False, subplot_kw={"projection": "3d"}
        )
        for row, score in zip(axes, SCORES):
            for axis, facet in zip(row, facets):
                _surface(axis, facet, score)
        style.legend(figure, _handles(), "outside lower center")
    return figure


def _is_surface(facet: Facet) -> bool:
    return min(facet.values("top1_mean").shape) > 1


def _surface(axis: Axes3D, facet: Facet, score: str) -> None:
    values = facet.values(f"{score}_mean")
    x, y = np.meshgrid(values.columns.to_numpy(np.float64), values.index.to_numpy(np.float64))
    color = _COLORS[score]
    line = {"edgecolor": color, "linewidth": 0.7, "shade": False}
    axis.plot_surface(x, y, values.to_numpy(np.float64), color=color, alpha=0.6, **line)
    clean = np.full(x.shape, facet.cells[f"clean_{score}"].iloc[0])
    axis.plot_surface(x, y, clean, color=color, alpha=0.15, edgecolor="none", shade=False)
    axis.set_zlim(0, 100)
    axis.set_xlabel(noise_cells.axis_label(facet.x))
    axis.set_ylabel(noise_cells.axis_label(facet.y), labelpad=7)
    axis.set_title(f"{facet.title}: {SCORES[score]}, %", fontsize=9, y=1.0)
    axis.set_xticks(list(facet.x_labels), labels=list(facet.x_labels.values()))
    axis.set_yticks(list(facet.y_labels), labels=list(facet.y_labels.values()))
    axis.tick_params(labelsize=7, pad=1)
    axis.view_init(elev=22, azim=40)
    axis.set_box_aspect((1, 1, 0.8))


def _handles() -> list[Patch]:
    shown = (("under noise", 0.6), ("clean", 0.2))
    return [
        Patch(facecolor=color, alpha=alpha, label=f"{SCORES[score]} {what}")
        for score, color in _COLORS.items()
        for what, alpha in shown
    ]
