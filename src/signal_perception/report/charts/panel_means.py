"""Means over the cells of each panel of noise, of all models."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from signal_perception.report.results import naming, noise_cells

# Column of the cells → column of the means. A mean of bounds: the interval of a mean is no wider
# than the mean of the intervals, whatever cells have in common.
_MEANS = {
    "top1_mean": "top1",
    "top1_low": "top1_low",
    "top1_high": "top1_high",
    "retention": "retention",
    "retention_low": "retention_low",
    "retention_high": "retention_high",
    "kappa": "kappa",
}
INTERVALS = "Intervals are the means of those of the cells, which is never too narrow for the mean."


def panel_means(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per model, grid and panel: means over its distinct cells, without the worst case.

    Columns model, grid, panel and title (a panel's own name and that with formulas), top1 and
    retention with low and high (of retention NaN at chance, and `no_retention` says so), kappa,
    cells, videos, sources. Models and grids are called as the tables call them.
    """
    rows = []
    for model, table in tables.items():
        cells = noise_cells.without_worst_case(table)
        defined = bool(noise_cells.retention_is_defined(table).all())
        for grid in dict.fromkeys(cells["grid"]):
            inside = cells.loc[cells["grid"] == grid]
            for panel, title in noise_cells.titles(inside["panel"]).items():
                once = noise_cells.distinct(inside.loc[inside["panel"] == panel])
                names = {"model": model, "grid": grid, "panel": panel, "title": title}
                rows.append(names | _means(once, defined))
    return pd.DataFrame(rows)


def named(means: pd.DataFrame) -> pd.DataFrame:
    """The means as readers know their models, grids and panels."""
    found = means.assign(
        model=[naming.model(model) for model in means["model"]],
        grid=[noise_cells.grid_title(grid) for grid in means["grid"]],
        panel=[noise_cells.plain(title) for title in means["title"]],
    )
    return found.drop(columns="title")


def _means(cells: pd.DataFrame, defined: bool) -> dict[str, object]:
    means: dict[str, object] = {
        to: float(np.mean(noise_cells.column(cells, name)))
        for name, to in _MEANS.items()
        if defined or not name.startswith("retention")
    }
    return {to: means.get(to, float("nan")) for to in _MEANS.values()} | {
        "no_retention": "" if defined else noise_cells.AT_CHANCE,
        "cells": len(cells),
        "videos": int(min(cells["n_videos"])),
        "sources": int(min(cells["n_clusters"])),
    }
