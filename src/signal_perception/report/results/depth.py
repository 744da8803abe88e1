"""A model's taps in the order of its depth: which ones a panel draws, where, and with what number.

Two tables of the stage spectra are read here: one row per tap (`profile`), one per bin (`spectra`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.fourier import definitions
from signal_perception.report.results.remembered import remembered
from signal_perception.vocabulary import CLIP, INPUT, INPUTS

ROLES = {
    "spatial_attn": "MSA",
    "joint_attn": "MSA",
    "mlp": "MLP",
    "conv": "Conv",
}
KINDS = ("MSA", "MLP", "Conv")
PANELS = {"a": KINDS, "b": ("MSA", "Conv"), "c": ("MLP", "Conv")}
TITLES = {
    "a": "(a) MSA and MLP blocks, Conv blocks",
    "b": "(b) MSA and Conv blocks",
    "c": "(c) MLP and Conv blocks",
}
STATIC = "static"
# What the tables call the paired difference between the clip and its static control.
DIFFERENCE = f"{CLIP}-{STATIC}"
# The columns that hold the sizes a transform runs over: lines break where one of them changes.
SIZES = {
    "temporal": ("tokens",),
    "spatial": ("height", "width"),
    "spatiotemporal": ("tokens", "height", "width"),
}

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Reading:
    """How one number is read off a spectrum.

    point: poster or nyquist. statistic: of the log amplitude.
    """

    point: str
    statistic: str


def controls(tables: Tables) -> list[str]:
    """The controls on the order of the frames that any of the tables has."""
    found = {name for table in tables.values() for name in table["control"].unique()}
    return [name for name in INPUTS if name in found and name != CLIP]


def side(rows: pd.DataFrame) -> str:
    """The side of the addition that is drawn: the branch only where no stream was extracted."""
    return "stream" if "stream" in set(rows.loc[rows["tap"] != INPUT, "side"]) else "branch"


def taps(rows: pd.DataFrame, panel: str) -> pd.DataFrame:
    """The taps of one panel in execution order, one row each.

    x = i/(n−1) over the taps of the panel. A block has one MSA tap, before which the block's entire
    attention lies. Taps that the poster has not drawn (`definitions.in_figure1`) are left out.

    Returns
    -------
    Columns tap, order, kind, block, tokens, role, x.
    """
    columns = ["tap", "order", "kind", "block", "tokens", "side"]
    # a few rows of thousands: all that follows is quick then
    every = rows.loc[:, columns].drop_duplicates(["tap", "side"])
    found = every.loc[(every["side"] == side(every)) & (every["tap"] != INPUT), columns[:-1]]
    found = found.sort_values("order")
    places = list(zip(found["kind"], found["block"]))
    kinds: dict[int, set[str]] = {}
    for kind, block in places:
        kinds.setdefault(block, set()).add(kind)
    roles = [
        ROLES.get(kind) if definitions.in_figure1(kind, kinds[block]) else None
        for kind, block in places
    ]
    chosen = np.array([role in PANELS[panel] for role in roles], bool)
    found = found.assign(role=roles).loc[chosen]
    return found.assign(x=np.arange(len(found)) / max(len(found) - 1, 1))


def profile(
    table: pd.DataFrame,
    panel: str,
    reading: Reading | None,
    *,
    control: str = CLIP,
    quantity: str = "delta",
) -> pd.DataFrame:
    """One number of each tap of a panel, from the table per tap.

    Returns
    -------
    The columns of `taps`, and omega, hz, value, low, high, p_holm, reason, NaN where the table has
    none; no rows where the control was not extracted.

    Parameters
    ----------
    reading: None for a quantity that sums up all bins.
    """
    # a copy, which its receiver may change; columns are shared until then
    return _profile(table, panel, reading, control, quantity).copy(deep=False)


@remembered
def _profile(
    table: pd.DataFrame, panel: str, reading: Reading | None, control: str, quantity: str
) -> pd.DataFrame:
    rows = table.loc[table["control"] == control]
    columns = ["tap", "omega", "hz", "value", "low", "high", "p_holm", "reason"]
    values = _read(rows, reading, quantity).loc[:, columns]
    return taps(rows, panel).merge(values, on="tap", how="left")


def of_input(table: pd.DataFrame, reading: Reading, *, control: str = CLIP) -> float:
    """Δ of the input pixels themselves, NaN where there is none."""
    rows = _read(table.loc[table["control"] == control], reading, "delta")
    values = rows.loc[rows["tap"] == INPUT, "value"]
    return float(values.iloc[0]) if len(values) else float("nan")


def spectra(
    table: pd.DataFrame,
    statistic: str,
    *,
    transform: str = "temporal",
    quantity: str = "delta",
    control: str = CLIP,
) -> pd.DataFrame:
    """All bins of the taps of panel (a), from the table per bin, in the order of taps and bins.

    Returns
    -------
    The columns of `taps` and the table's own; a tap without bins has one row, with NaN in the
    table's own.
    """
    rows = table.loc[(table["control"] == control) & (table["transform"] == transform)]
    places = taps(rows, "a")
    chosen = (rows["statistic"] == statistic) & (rows["quantity"] == quantity)
    own = ["tap", *rows.columns.difference(places.columns)]
    found = rows.loc[chosen, own]
    return places.merge(found, on="tap", how="left").sort_values(["order", "bin"])


def at_point(
    table: pd.DataFrame,
    reading: Reading,
    *,
    transform: str = "temporal",
    quantity: str = "delta",
    control: str = CLIP,
) -> pd.DataFrame:
    """One number of each tap of panel (a), from the table per bin.

    Returns
    -------
    Columns tap, role, x, tokens, height, width, value, low, high, p_holm: every tap of the panel,
    NaN where it has no such bin.
    """
    rows = table.loc[(table["control"] == control) & (table["transform"] == transform)]
    sizes = rows.drop_duplicates("tap").loc[:, ["tap", "height", "width"]]
    found = rows.loc[
        (rows["statistic"] == reading.statistic)
        & (rows["quantity"] == quantity)
        & rows[f"is_{reading.point}"].astype(bool)
    ]
    values = found.loc[:, ["tap", "value", "low", "high", "p_holm"]]
    return taps(rows, "a").merge(sizes, on="tap").merge(values, on="tap", how="left")


def kinds(rows: pd.DataFrame) -> list[str]:
    """Which of MSA, MLP and Conv there are among taps, in this order."""
    present = set(rows["role"])
    return [kind for kind in KINDS if kind in present]


def of_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The taps that are MSA, MLP or Conv."""
    return rows.loc[rows["role"] == kind]


def numbers(rows: pd.DataFrame, *columns: str) -> NDArray[np.float64]:
    """The numbers that stand in some columns (n), without those that are missing."""
    found = rows.loc[:, list(columns)].to_numpy(np.float64).ravel()
    return found[~np.isnan(found)]


def median(rows: pd.DataFrame) -> float:
    """Median of the values, NaN where there is none."""
    values = numbers(rows, "value")
    return float(np.median(values)) if len(values) else float("nan")


def has_static(table: pd.DataFrame) -> bool:
    """Whether the clip can be set against its static control."""
    return DIFFERENCE in set(table["control"])


def _read(rows: pd.DataFrame, reading: Reading | None, quantity: str) -> pd.DataFrame:
    """The rows of one quantity, under a reading as far as the quantity depends on it."""
    chosen = rows["quantity"] == quantity
    if reading is not None:
        chosen &= rows["statistic"] == reading.statistic
        # at ω = 0.5π, whatever the point
        if quantity != "matched":
            chosen &= rows["point"] == reading.point
    return rows.loc[chosen]
