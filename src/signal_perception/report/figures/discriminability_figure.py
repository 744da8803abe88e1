"""How well each frequency tells the classes apart, along the depth: the clip and its static one."""

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from signal_perception.report.figures.cells import cells_figure
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Tables
from signal_perception.vocabulary import CLIP

# Near F where the amplitudes say nothing about the class and videos are independent.
MIDDLE = 1.0
_STATISTIC = "mean_log"
_LABELS = {CLIP: "clip", depth.STATIC: "static"}


def discriminability_figure(tables: Tables, *, dpi: int) -> Figure:
    """A row for the clip and one for its static control, a column per model; the colour is F.

    The scale is logarithmic, up to the largest F and as long below F = 1, which is its middle.

    Parameters
    ----------
    tables: model → table per bin, of which `with_values` are drawn.
    """
    found = {control: _values(tables, control) for control in _LABELS}
    tables = {model: tables[model] for model in with_values(tables)}
    rows = {_LABELS[control]: parts for control, parts in found.items() if parts}
    values = np.concatenate(
        [depth.numbers(part, "value") for parts in found.values() for part in parts.values()]
    )
    # lower values say no less than the middle does, so they do not stretch the scale
    far = max(float(values.max()) / MIDDLE, 2.0)
    return cells_figure(
        rows,
        list(tables),
        colours={"cmap": "PuOr_r", "norm": LogNorm(MIDDLE / far, MIDDLE * far)},
        label="F, between over within classes",
        dpi=dpi,
    )


def with_values(tables: Tables) -> list[str]:
    """The models that have the quantity; none where a class has a single video."""
    return list(_values(tables, CLIP))


def _values(tables: Tables, control: str) -> dict[str, pd.DataFrame]:
    """Bins of each model under a control, where it has any value."""
    chosen = {"quantity": "discriminability", "control": control}
    found = {m: depth.spectra(table, _STATISTIC, **chosen) for m, table in tables.items()}
    return {model: rows for model, rows in found.items() if len(depth.numbers(rows, "value"))}
