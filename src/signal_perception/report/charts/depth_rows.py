"""The rows of charts along the depth: numbers of the tables per tap and per bin, with places."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.fourier import definitions
from signal_perception.report.results import depth, naming, runs
from signal_perception.report.results.depth import SIZES, Tables

# What is known of a tap in every table of a chart. place_a, place_b, place_c: its number in each
# panel of Figure 1, empty where it is not in it. stretch: taps of one are joined by a line, and
# taps of two are not, since a size changes between them.
PLACE = ["model", "tap", "kind", "place_a", "place_b", "place_c", "stretch"]
_NUMBERS = ["tokens", "omega", "hz", "value", "low", "high", "p_holm", "n_videos", "n_clusters"]
_WHOLE = [
    "place_a",
    "place_b",
    "place_c",
    "stretch",
    "tokens",
    "n_videos",
    "n_clusters",
    "bin",
    "k",
]


def placed(tables: Tables, transform: str = "") -> pd.DataFrame:
    """All rows of all models at the taps of panel (a), one below the other, with `PLACE`.

    n_runs: of the model's table.

    Parameters
    ----------
    tables: model → table per tap or per bin, of one model or more.
    transform: whose bins; empty for a table per tap.
    """
    sizes = SIZES[transform or "temporal"]
    parts = []
    for model, table in tables.items():
        rows = table.loc[table["transform"] == transform] if transform else table
        taps = _places(model, rows, sizes)
        known = rows.drop(columns=["model", "kind"]).assign(n_runs=runs.number(table))
        parts.append(taps.merge(known, on="tap", how="inner"))
    return pd.concat(parts, ignore_index=True)


def at_points(rows: pd.DataFrame) -> pd.DataFrame:
    """The bins that stand for a spectrum, of rows per bin: named in the column `point`."""
    parts = [
        rows.loc[rows[f"is_{point}"].astype(bool)].assign(point=point)
        for point in definitions.POINTS
    ]
    return pd.concat(parts, ignore_index=True)


def along(
    rows: pd.DataFrame,
    chosen: Mapping[str, Sequence[Any]],
    keys: Sequence[str] = (),
    more: Sequence[str] = (),
    *,
    taps: pd.DataFrame | None = None,
    panels: bool = False,
) -> pd.DataFrame:
    """The rows of a chart: models in their order, then the values of `chosen` in theirs, then taps.

    Parameters
    ----------
    rows: from `placed`.
    chosen: column → the values that rows have in it.
    keys: columns of which each value that a model has is there at every tap, without a number where
        the table has none: a line breaks there.
    more: columns of the tables that are kept beside these.
    taps: rows of all taps, where `rows` are of some. panels: whether the places in panels (b) and
        (c) are kept too.
    """
    keep = np.ones(len(rows), bool)
    for column, values in chosen.items():
        keep &= rows[column].isin(list(values)).to_numpy(bool)
    found = rows.loc[keep]
    columns = [*PLACE, *keys, *more, *(name for name in _NUMBERS if name in rows), "n_runs"]
    if keys:
        every = (rows if taps is None else taps).loc[:, PLACE].drop_duplicates(["model", "tap"])
        every = every.merge(found.loc[:, ["model", *keys]].drop_duplicates(), on="model")
        numbers = [name for name in columns if name not in PLACE]
        found = every.merge(
            found.loc[:, ["model", "tap", *numbers]], on=["model", "tap", *keys], how="left"
        )
    order = {"model": list(dict.fromkeys(rows["model"])), **chosen}
    ranks = [
        found[column].map({value: rank for rank, value in enumerate(values)})
        for column, values in order.items()
        if column in columns
    ]
    by = [found["place_a"].astype(int), *reversed(ranks)]
    shown = [name for name in columns if panels or name not in ("place_b", "place_c")]
    return _lean(found.iloc[np.lexsort(by)].loc[:, shown].reset_index(drop=True))


def whole(found: pd.DataFrame) -> pd.DataFrame:
    """The table with whole numbers written as such, and empty where there is none."""
    numeric = found.select_dtypes("number").columns.intersection(_WHOLE)
    return found.astype(dict.fromkeys(numeric, "Int64"))


def limits(
    found: pd.DataFrame, keys: Sequence[str], *, least: float = 0.0, beyond: float = 0.06
) -> dict[str, tuple[float, float]]:
    """What is chosen → ends of an axis that shows all values and intervals.

    Parameters
    ----------
    keys: columns of what is chosen; their values with a space between are the name.
    least: the axis goes at least so far on both sides of 0; 0 need not be on it where this is 0.
    beyond: share of the values' span that is added at both ends.
    """
    ends = {}
    name = found.loc[:, list(keys)].astype(str).agg(" ".join, axis=1)
    for chosen, part in found.groupby(name, sort=False):
        values = depth.numbers(part, "value", "low", "high")
        reach = [-least, least] if least else []
        if len(values) + len(reach):
            low, high = min([*values, *reach]), max([*values, *reach])
            more = beyond * max(high - low, 1e-3)
            ends[str(chosen)] = (float(low - more), float(high + more))
    return ends


def _places(model: str, rows: pd.DataFrame, sizes: Sequence[str]) -> pd.DataFrame:
    """The taps of panel (a) in order, with the columns `PLACE`."""
    rows = rows.loc[rows["control"] == rows["control"].iloc[0]]
    taps = depth.taps(rows, "a")
    kind = taps["role"].to_numpy()
    found: dict[str, Any] = {"model": naming.model(model), "tap": taps["tap"], "kind": kind}
    for panel, kinds in depth.PANELS.items():
        inside = np.isin(kind, kinds)
        found[f"place_{panel}"] = np.where(inside, np.cumsum(inside) - 1, np.nan)
    own = rows.drop_duplicates("tap").set_index("tap").loc[taps["tap"], list(sizes)].to_numpy()
    changes = (own[1:] != own[:-1]).any(axis=1)
    found["stretch"] = np.concatenate([[0], np.cumsum(changes)])[: len(taps)]
    return pd.DataFrame(found)


def _lean(found: pd.DataFrame) -> pd.DataFrame:
    """Without columns that say nothing: p where nothing is tested, runs where there is one."""
    nothing = [
        name for name in ("p_holm", "hz") if name in found and not len(depth.numbers(found, name))
    ]
    if set(depth.numbers(found, "n_runs")) <= {1.0}:
        nothing.append("n_runs")
    return whole(found.drop(columns=nothing))
