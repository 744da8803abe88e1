"""Accuracy under noise, cell by cell: numbers on colours, a column per panel of a grid."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from signal_perception.report.figures import glyphs, style
from signal_perception.report.results import noise_cells, rounding
from signal_perception.report.results.noise_cells import SCORES, WORST_CASE, Facet

# Of a cell without a value; no colour of the scale.
EMPTY = "#dddddd"
# Marks a cell that was not scored on all videos.
FEWER = "*"
_CMAP = "viridis"
# Inches: of a cell; left of a panel with labels, and without, and right of all, for the scale;
# above the first row, above a panel and below it.
_CELL = (0.62, 0.36)
_LEFT, _GAP, _RIGHT = 0.85, 0.2, 0.8
_TITLE, _ABOVE, _BELOW = 0.4, 0.62, 0.58
_FONT = 7.2
_LINE = {"fontsize": 9.5, "ha": "left", "va": "top"}


@dataclass(frozen=True)
class _Scale:
    """What is the same for all maps of one score: colours from chance to clean, and videos.

    writing: takes the numbers of all maps.
    """

    score: str
    norm: Normalize
    videos: int
    writing: glyphs.Writing


def heatmap_figure(cells: pd.DataFrame, model: str, grid: str, *, videos: int, dpi: int) -> Figure:
    """Rows: top-1 and top-5, and both again for the worst case where it was run.

    A cell has its mean and below it the 95 % interval, rounded outwards. A score has one scale of
    colour for all its panels, from chance to the clean model: beyond these ends colours stay as
    they are there.

    Parameters
    ----------
    cells: of one model and grid. videos: in the test split; cells on fewer are marked.
    """
    kinds = noise_cells.kinds(cells)
    columns = {kind: noise_cells.facets(cells.loc[cells["kind"] == kind]) for kind in kinds}
    rows = [(kind, score) for kind in kinds for score in SCORES]
    across = max(len(facet.x_labels) for facets in columns.values() for facet in facets)
    down = {kind: max(len(facet.y_labels) for facet in columns[kind]) for kind in kinds}
    panels = max(map(len, columns.values()))
    width = max(across * _CELL[0], 1.9)
    heights = [down[kind] * _CELL[1] for kind, _ in rows]
    first, *others = [facet for facets in columns.values() for facet in facets]
    shared = all(facet.y_labels == first.y_labels for facet in others)
    between = _GAP if shared else _LEFT
    size = (
        _LEFT + panels * width + (panels - 1) * between + _RIGHT + _GAP,
        _TITLE + sum(height + _ABOVE + _BELOW for height in heights),
    )
    with style.look():
        figure = style.figure(size, dpi)
        # every place is known: nothing has to be measured
        figure.set_layout_engine("none")
        heading = noise_cells.heading(cells, model, grid)
        figure.text(0.1 / size[0], 1 - 0.12 / size[1], heading, fontsize=11, va="top")
        writing = glyphs.Writing(_FONT)
        top = size[1] - _TITLE
        for (kind, score), height in zip(rows, heights):
            norm = Normalize(*noise_cells.colour_range(cells, score))
            scale = _Scale(score, norm, videos, writing)
            text = _row_title(cells, kind, score)
            figure.text(0.1 / size[0], (top - 0.08) / size[1], text, **_LINE)
            bottom = top - _ABOVE - height
            for number, facet in enumerate(columns[kind]):
                place = (_LEFT + number * (width + between), bottom, width, height)
                axis = _axes(figure, place, f"{kind} {score}")
                _map(axis, facet, scale, place, labelled=number == 0 or not shared)
            place = (size[0] - _RIGHT, bottom, 0.13, height)
            _bar(figure, place, facet=columns[kind][0], scale=scale)
            top = bottom - _BELOW
        writing.put_into(figure)
    return figure


def texts(facet: Facet, score: str, videos: int) -> pd.DataFrame:
    """What stands in each cell, over the axes as `Facet.values`; empty without a value."""
    names = [f"{score}_{name}" for name in ("mean", "low", "high")]
    parts = facet.cells.loc[:, [*names, "n_videos"]].itertuples(index=False)
    told = [_text(mean, low, high, count < videos) for mean, low, high, count in parts]
    cells = facet.cells.assign(text=told)
    return cells.pivot(index=facet.y, columns=facet.x, values="text").fillna("")


def _axes(figure: Figure, place: tuple[float, float, float, float], label: str) -> Axes:
    """Axes at a place in inches."""
    width, height = figure.get_size_inches()
    left, bottom, across, up = place
    return figure.add_axes(
        (left / width, bottom / height, across / width, up / height), label=label
    )


def _row_title(cells: pd.DataFrame, kind: str, score: str) -> str:
    what = f"worst case, {SCORES[score]}" if kind == WORST_CASE else SCORES[score]
    clean, chance = noise_cells.ends(cells, score)
    return f"{what}, %  (clean {clean:.1f}, chance {chance:.1f})"


def _bar(
    figure: Figure, place: tuple[float, float, float, float], facet: Facet, scale: _Scale
) -> None:
    """The scale of colour, with the names of its ends."""
    axis = _axes(figure, place, "scale")
    bar = figure.colorbar(ScalarMappable(scale.norm, _CMAP), cax=axis)
    clean, chance = noise_cells.ends(facet.cells, scale.score)
    ticks = {"chance": chance, "clean": clean} if clean > chance else {"clean": clean}
    bar.set_ticks(list(ticks.values()), labels=list(ticks))
    axis.tick_params(labelsize=7.5)


def _map(
    axis: Axes,
    facet: Facet,
    scale: _Scale,
    place: tuple[float, float, float, float],
    *,
    labelled: bool,
) -> None:
    """One panel, at a place in inches. labelled: whether its rows are."""
    mean = facet.values(f"{scale.score}_mean")
    values = mean.to_numpy(np.float64)
    rows, columns = values.shape
    axis.set_facecolor(EMPTY)
    axis.grid(visible=False)
    look = {"cmap": _CMAP, "norm": scale.norm, "edgecolors": "white", "linewidth": 0.5}
    axis.pcolormesh(
        np.arange(columns + 1), np.arange(rows + 1), np.ma.masked_invalid(values), **look
    )
    _numbers(texts(facet, scale.score, scale.videos), values, scale, place)
    axis.set_xticks(
        np.arange(columns) + 0.5, labels=[facet.x_labels[value] for value in mean.columns]
    )
    axis.set_xlabel(noise_cells.axis_label(facet.x))
    labels = [facet.y_labels[value] for value in mean.index] if labelled else []
    axis.set_yticks(np.arange(len(labels)) + 0.5, labels=labels)
    axis.set_ylabel(noise_cells.axis_label(facet.y) if labelled else "")
    axis.tick_params(length=0, labelsize=8)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.set_title(facet.title, fontsize=9)


def _numbers(
    told: pd.DataFrame,
    values: NDArray[np.float64],
    scale: _Scale,
    place: tuple[float, float, float, float],
) -> None:
    """Write what stands in the cells: light on dark colours, dark on light ones."""
    left, bottom, width, height = place
    rows, columns = values.shape
    dark = _luminance(colormaps[_CMAP](scale.norm(values))) < 0.45
    for (y, x), text in np.ndenumerate(told.to_numpy()):
        middle = left + (x + 0.5) * width / columns, bottom + (y + 0.5) * height / rows
        scale.writing.write(*middle, text, "white" if dark[y, x] else "#1d1d1f")


def _luminance(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """How light colours are, from 0 to 1."""
    return colors[..., :3] @ np.array([0.299, 0.587, 0.114])


def _text(mean: float, low: float, high: float, fewer: bool) -> str:
    if mean != mean:
        return ""
    mark = FEWER if fewer else ""
    interval = rounding.interval(low, high, 0, mean)
    return f"{mean:.1f}{mark}" + (f"\n{interval}" if interval else "")
