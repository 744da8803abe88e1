"""A model's taps in the order of its depth: which of them each panel of Figure 1 draws, where, and with what value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signal_perception import spectra

ROLES = {
    "spatial_attn": "MSA",
    "joint_attn": "MSA",
    "mlp": "MLP",
    "conv": "Conv",
}
PANELS = {"a": ("MSA", "MLP", "Conv"), "b": ("MSA", "Conv"), "c": ("MLP", "Conv")}
TITLES = {"a": "(a) MSA and MLP blocks, Conv blocks", "b": "(b) MSA and Conv blocks", "c": "(c) MLP and Conv blocks"}
CLIP, INPUT = "clip", "input"


@dataclass(frozen=True)
class Summary:
    """One model's spectra in a row: means of Δ over the taps of panel (a), three ways, and what has to be known to compare them."""

    model: str
    side: str
    taps: int
    missing: int
    tokens: tuple[int, ...]
    omega: tuple[float, ...]
    hz: tuple[float, ...]
    delta: float
    corrected: float
    matched: float
    input: float
    dead: float
    reason: str


def models(table: pd.DataFrame) -> list[str]:
    """The models of a table in order of appearance."""
    return list(table["model"].drop_duplicates())


def controls(table: pd.DataFrame) -> list[str]:
    """The controls of a table, other than the clip itself, in order of appearance."""
    return [control for control in table["control"].drop_duplicates() if control != CLIP]


def side(table: pd.DataFrame) -> str:
    """The side of the residual connection that is drawn: the stream, or the branch where nothing else was extracted."""
    return "stream" if (table.loc[table["tap"] != INPUT, "side"] == "stream").any() else "branch"


def profile(
    table: pd.DataFrame, model: str, panel: str, *, point: str, statistic: str, control: str = CLIP
) -> pd.DataFrame:
    """The taps of one panel in execution order: columns tap, role, tokens, x, delta, low, high (NaN where the point does not exist).

    x = i/(n−1) over the taps of the panel. A block has one MSA tap, before which the whole attention part of the block lies. Taps that the
    poster has not drawn (`spectra.in_figure1`) are left out.
    """
    rows = table[(table["model"] == model) & (table["control"] == control) & (table["statistic"] == statistic)]
    rows = rows[(rows["side"] == side(rows)) & (rows["tap"] != INPUT)]
    taps = rows.drop_duplicates("tap")[["tap", "order", "kind", "block", "tokens"]].sort_values("order")
    kinds = taps.groupby("block")["kind"].agg(set)
    taps = taps[[spectra.in_figure1(tap.kind, kinds[tap.block]) for tap in taps.itertuples()]]
    taps["role"] = taps["kind"].map(ROLES)
    taps = taps[taps["role"].isin(PANELS[panel])]
    values = rows.loc[rows[f"is_{point}"], ["tap", "delta", "low", "high"]]
    taps = taps.merge(values, on="tap", how="left")
    taps["x"] = np.arange(len(taps)) / max(len(taps) - 1, 1)
    return taps


def input_delta(table: pd.DataFrame, model: str, *, point: str, statistic: str, control: str = CLIP) -> float:
    """Δ of the input pixels themselves, NaN where there is none."""
    rows = table[(table["model"] == model) & (table["control"] == control) & (table["statistic"] == statistic)]
    rows = rows[(rows["tap"] == INPUT) & rows[f"is_{point}"]]
    return float(rows["delta"].iloc[0]) if len(rows) else float("nan")


def summaries(table: pd.DataFrame, *, point: str, statistic: str) -> list[Summary]:
    """One `Summary` per model."""
    return [_summary(table, model, point, statistic) for model in models(table)]


def _summary(table: pd.DataFrame, model: str, point: str, statistic: str) -> Summary:
    taps = profile(table, model, "a", point=point, statistic=statistic)
    rows = table[(table["model"] == model) & (table["control"] == CLIP) & (table["statistic"] == statistic)]
    rows = rows[rows["tap"].isin(taps["tap"]) & (rows["side"] == side(rows))]
    deltas, tokens = taps["delta"].to_numpy(np.float64), taps["tokens"].to_numpy()
    spectrum = {tap: part.sort_values("bin")["delta"].to_numpy(np.float64) for tap, part in rows.groupby("tap")}
    matched = [float(spectra.matched(spectrum[tap], int(t))) for tap, t in zip(taps["tap"], tokens)]
    drawn = rows[rows[f"is_{point}"]]
    reasons = dict.fromkeys(spectra.representative(int(t), point).reason for t in np.unique(tokens))
    return Summary(
        model=model,
        side=side(rows),
        taps=len(taps),
        missing=int(np.isnan(deltas).sum()),
        tokens=tuple(sorted({int(t) for t in tokens})),
        omega=_distinct(drawn["omega"]),
        hz=_distinct(drawn["hz"]),
        delta=_mean(deltas),
        corrected=_mean([spectra.corrected(np.array(d), int(t)) for d, t in zip(deltas, tokens)]),
        matched=_mean(matched),
        input=input_delta(table, model, point=point, statistic=statistic),
        dead=float(rows["dead_share"].max()) if len(rows) else float("nan"),
        reason="; ".join(reason for reason in reasons if reason),
    )


def _distinct(values: pd.Series) -> tuple[float, ...]:
    return tuple(sorted({round(float(value), 6) for value in values}))


def _mean(values: Sequence | np.ndarray) -> float:
    """Mean over the taps that have a value, NaN where none has."""
    array = np.asarray(values, np.float64)
    return float(array[~np.isnan(array)].mean()) if (~np.isnan(array)).any() else float("nan")
