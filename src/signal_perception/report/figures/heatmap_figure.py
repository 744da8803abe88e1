"""Accuracy under noise, cell by cell: numbers on colours, a column per panel of a grid."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from signal_perception.report.figures import style
from signal_perception.report.results import naming, noise_cells
from signal_perception.report.results.noise_cells import SCORES, WORST_CASE, Facet

_EMPTY = "#dddddd"
# Marks a cell that was not scored on all videos.
FEWER = "*"


def heatmap_figure(cells: pd.DataFrame, model: str, grid: str, *, videos: int, dpi: int) -> Figure:
    """Rows: top-1 and top-5, and both again for the worst case where it was run.

    A cell has its mean and below it the 95 % interval. A score has one scale of colour for all
    its panels, from chance to the clean model, or further where a cell lies beyond.

    Parameters
    ----------
    cells: of one model and grid. videos: in the test split; cells on fewer are marked.
    """
    kinds = noise_cells.kinds(cells)
    columns = {kind: noise_cells.facets(cells.loc[cells["kind"] == kind]) for kind in kinds}
    rows = [(kind, score) for kind in kinds for score in SCORES]
    across = max(len(facet.x_labels) for facet in columns[kinds[0]])
    down = {kind: max(len(facet.y_labels) for facet in columns[kind]) for kind in kinds}
    heights = [0.44 * down[kind] + 0.95 for kind, _ in rows]
    size = (max(0.72 * across + 0.9, 3.3) * len(columns[kinds[0]]) + 1.0, sum(heights) + 0.4)
    with style.look():
        figure = style.figure(size, dpi)
        figure.suptitle(f"{naming.model(model)}, {noise_cells.grid_title(grid)}", fontsize=11)
        parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
        with style.at_rest(figure):
            for part, (kind, score) in zip(parts, rows):
                part.suptitle(_row_title(cells, kind, score), fontsize=9.5, x=0.01, ha="left")
                _row(part, columns[kind], score, _scale(cells, score), videos)
    return figure


def _row_title(cells: pd.DataFrame, kind: str, score: str) -> str:
    what = f"worst case, {SCORES[score]}" if kind == WORST_CASE else SCORES[score]
    clean, chance = _ends(cells, score)
    return f"{what}, %  (clean {clean:.1f}, chance {chance:.1f})"


def _ends(cells: pd.DataFrame, score: str) -> tuple[float, float]:
    """Accuracy of the clean model, and of a guess."""
    return float(cells[f"clean_{score}"].iloc[0]), float(cells[f"chance_{score}"].iloc[0])


def _scale(cells: pd.DataFrame, score: str) -> tuple[float, float]:
    """Ends of the scale of colour, which no cell lies beyond."""
    shown = [*_ends(cells, score), *noise_cells.column(cells, f"{score}_mean")]
    low, high = min(shown), max(shown)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _row(
    part: SubFigure, facets: Sequence[Facet], score: str, scale: tuple[float, float], videos: int
) -> None:
    """Draw one score of all panels, and its scale of colour."""
    axes = part.subplots(1, len(facets), squeeze=False)[0]
    for axis, facet in zip(axes, facets):
        _map(axis, facet, score, scale, videos)
    bar = part.colorbar(axes[0].collections[0], ax=list(axes), aspect=12, pad=0.01)
    clean, chance = _ends(facets[0].cells, score)
    ticks = {chance: "chance", clean: "clean"}
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.ax.tick_params(labelsize=7.5)


def _map(axis: Axes, facet: Facet, score: str, scale: tuple[float, float], videos: int) -> None:
    # largest on top
    mean = facet.values(f"{score}_mean").sort_index(ascending=False)
    axis.set_facecolor(_EMPTY)
    axis.grid(visible=False)
    sns.heatmap(
        mean,
        ax=axis,
        annot=_texts(facet, score, mean, videos),
        fmt="",
        annot_kws={"fontsize": 7.5, "linespacing": 1.05},
        cmap="viridis",
        vmin=scale[0],
        vmax=scale[1],
        cbar=False,
        linewidths=0.5,
        linecolor="white",
        xticklabels=[facet.x_labels[value] for value in mean.columns],
        yticklabels=[facet.y_labels[value] for value in mean.index],
    )
    x, y = noise_cells.axis_label(facet.x), noise_cells.axis_label(facet.y)
    axis.set(xlabel=x, ylabel=y)
    axis.tick_params(length=0, rotation=0)
    axis.set_title(facet.title, fontsize=9)


def _texts(facet: Facet, score: str, mean: pd.DataFrame, videos: int) -> np.ndarray:
    """What stands in each cell, in the shape of `mean`."""
    means, lows, highs, counts = (
        facet.values(name).reindex_like(mean).to_numpy(np.float64).ravel()
        for name in (f"{score}_mean", f"{score}_low", f"{score}_high", "n_videos")
    )
    numbers = zip(means, lows, highs, counts < videos)
    return np.array([_text(*each) for each in numbers]).reshape(mean.shape)


def _text(mean: float, low: float, high: float, fewer: bool) -> str:
    mark = FEWER if fewer else ""
    interval = "" if math.isnan(low) else f"\n{low:.0f}–{high:.0f}"
    return f"{mean:.1f}{mark}{interval}"
