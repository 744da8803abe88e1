"""Figures 2–4: accuracy under weight noise, as surfaces over the grid and as tables of numbers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d.axes3d import Axes3D

from signal_perception.report import style

_SYMBOLS = {"sigma": "σ", "gamma": "γ", "rho": "ρ"}
_COLORS = {"top1": "#332288", "top5": "#e08b00"}
_LABELS = {"top1": "top-1", "top5": "top-5"}
_PARTS = {"q": "$W_Q$", "k": "$W_K$", "v": "$W_V$"}


def noise_figure(table: pd.DataFrame, model: str, grid: str, *, dpi: int) -> Figure:
    """One column per panel of a grid: surfaces, the planes of the clean model, and the numbers.

    The horizontal axis is γ; the other is σ, or ρ where σ is fixed. A surface needs two values on
    both axes and is left out otherwise.
    """
    cells = table.loc[(table["model"] == model) & (table["grid"] == grid)]
    facets = list(_facets(cells))
    y = "rho" if _count(cells, "sigma") == 1 and _count(cells, "rho") > 1 else "sigma"
    has_surfaces = _count(cells, "gamma") > 1 and _count(cells, y) > 1
    heights = [3.6] * has_surfaces + [0.42 * _count(cells, y) + 0.75] * 2
    width = max(0.72 * _count(cells, "gamma") + 0.9, 4.3)
    size = (width * len(facets), sum(heights) + 0.5)
    with style.look():
        figure = style.figure(size, dpi)
        rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for column, (title, part) in enumerate(facets, start=1):
            if has_surfaces:
                axis = rows[0].add_subplot(1, len(facets), column, projection="3d")
                _surfaces(axis, part, y, title)
            for row, score in zip(rows[-2:], _COLORS):
                axis = row.add_subplot(1, len(facets), column)
                _numbers(axis, part, y, score, title)
        if has_surfaces:
            style.legend(figure, _handles(), "outside upper center")
    return figure


def fixed(table: pd.DataFrame) -> str:
    """What all cells of a grid share, e.g. "ρ = 0.5"; empty where they share nothing."""
    shared = [key for key in ("sigma", "rho") if _count(table, key) == 1]
    return ", ".join(f"{_SYMBOLS[key]} = {table[key].iloc[0]:g}" for key in shared)


def panel_title(panel: str) -> str:
    """A panel's name for readers: W_Q, W_K, W_V, front third, …, or the component's own name."""
    part = panel.rpartition(".")[2]
    if part in _PARTS:
        return _PARTS[part]
    return f"{panel} third" if panel in ("front", "middle", "rear") else panel


def _count(table: pd.DataFrame, column: str) -> int:
    """Number of distinct values."""
    return len(set(table[column]))


def _facets(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and cells of each panel in order of appearance; one for each ρ where σ varies too."""
    both = _count(table, "sigma") > 1 and _count(table, "rho") > 1
    for panel in table["panel"].drop_duplicates():
        part = table.loc[table["panel"] == panel]
        if not both:
            yield panel_title(panel), part
            continue
        for rho in sorted(set(part["rho"])):
            yield f"{panel_title(panel)}, ρ = {rho:g}", part.loc[part["rho"] == rho]


def _handles() -> list[Patch]:
    noisy = [
        Patch(facecolor=color, alpha=0.6, label=f"{_LABELS[score]} under noise")
        for score, color in _COLORS.items()
    ]
    clean = [
        Patch(facecolor=color, alpha=0.16, label=f"{_LABELS[score]} clean")
        for score, color in _COLORS.items()
    ]
    return noisy + clean


def _surfaces(axis: Axes3D, part: pd.DataFrame, y: str, title: str) -> None:
    for score, color in _COLORS.items():
        values = part.pivot(index=y, columns="gamma", values=f"{score}_mean")
        gamma, other = np.meshgrid(
            values.columns.to_numpy(np.float64), values.index.to_numpy(np.float64)
        )
        line = {"edgecolor": color, "linewidth": 0.7, "shade": False}
        axis.plot_surface(gamma, other, values.to_numpy(), color=color, alpha=0.6, **line)
        clean = np.full(gamma.shape, part[f"clean_{score}"].iloc[0])
        no_line = {"edgecolor": "none", "shade": False}
        axis.plot_surface(gamma, other, clean, color=color, alpha=0.13, **no_line)
    axis.set(title=title, xlabel="γ", ylabel=_SYMBOLS[y], zlim=(0, 100))
    axis.set_xticks(sorted(part["gamma"].unique()))
    axis.set_yticks(sorted(part[y].unique()))
    axis.set_zlabel("accuracy, %")
    axis.tick_params(labelsize=7.5, pad=1)
    axis.view_init(elev=22, azim=40)
    axis.set_box_aspect((1, 1, 0.8))


def _numbers(axis: Axes, part: pd.DataFrame, y: str, score: str, title: str) -> None:
    mean = part.pivot(index=y, columns="gamma", values=f"{score}_mean").sort_index(ascending=False)
    low, high = (
        part.pivot(index=y, columns="gamma", values=f"{score}_{end}").reindex_like(mean)
        for end in ("low", "high")
    )
    cells = [
        [f"{m:.1f}\n{a:.0f}–{b:.0f}" for m, a, b in zip(*row)]
        for row in zip(mean.values, low.values, high.values)
    ]
    clean, chance = part[f"clean_{score}"].iloc[0], part[f"chance_{score}"].iloc[0]
    sns.heatmap(
        mean,
        ax=axis,
        annot=np.array(cells),
        fmt="",
        annot_kws={"fontsize": 7.5, "linespacing": 1.05},
        cmap="viridis",
        vmin=min(chance, float(mean.min().min())),
        vmax=max(clean, float(mean.max().max())),
        cbar=False,
        linewidths=0.5,
        linecolor="white",
        xticklabels=[f"{value:g}" for value in mean.columns],
        yticklabels=[f"{value:g}" for value in mean.index],
    )
    axis.set(xlabel="γ", ylabel=_SYMBOLS[y])
    axis.tick_params(length=0, rotation=0)
    scale = f"(clean {clean:.1f}, chance {chance:.1f})"
    axis.set_title(f"{title}: {_LABELS[score]}, %  {scale}", fontsize=8.5)
