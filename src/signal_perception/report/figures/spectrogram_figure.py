"""Depth × frequency: the temporal spectrum of every tap, by model and kind of tap."""

from collections.abc import Collection

import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from signal_perception.fourier import definitions
from signal_perception.report.figures.cells import cells_figure
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Tables


def spectrogram_figure(tables: Tables, statistic: str, *, dpi: int) -> Figure:
    """One row per kind of tap, one column per model; the colour is Δ + ½ ln T' of the clip.

    MSA and Conv share a row where no model has both.

    Parameters
    ----------
    tables: model → table per bin.
    """
    found = {model: _corrected(table, statistic) for model, table in tables.items()}
    values = depth.numbers(pd.concat(list(found.values())), "value")
    rows = {", ".join(kinds): _of(found, kinds) for kinds in _rows(found)}
    return cells_figure(
        {name: parts for name, parts in rows.items() if parts},
        list(tables),
        colours={"cmap": "cividis", "norm": Normalize(values.min(), values.max())},
        label="Δ + ½ ln T′",
        dpi=dpi,
    )


def _rows(found: Tables) -> list[tuple[str, ...]]:
    """The kinds that each row of the figure shows."""
    kinds = [set(part["role"]) for part in found.values()]
    if any({"MSA", "Conv"} <= of_model for of_model in kinds):
        return [("MSA",), ("MLP",), ("Conv",)]
    both = tuple(kind for kind in ("MSA", "Conv") if any(kind in of_model for of_model in kinds))
    return [both, ("MLP",)]


def _of(found: Tables, kinds: Collection[str]) -> dict[str, pd.DataFrame]:
    """The bins of the taps of these kinds, of the models that have such taps."""
    parts = {model: part.loc[part["role"].isin(list(kinds))] for model, part in found.items()}
    return {model: part for model, part in parts.items() if len(part)}


def _corrected(table: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """The bins beyond the reference, free of the shift by T'."""
    rows = depth.spectra(table, statistic)
    rows = rows.loc[rows["bin"] != 0]
    value = [definitions.corrected(v, int(t)) for v, t in zip(rows["value"], rows["tokens"])]
    return rows.assign(value=value)
