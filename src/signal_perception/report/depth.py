"""A model's taps in the order of its depth: which ones a panel of Figure 1 draws, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signal_perception.spectra import definitions
from signal_perception.vocabulary import CLIP

ROLES = {
    "spatial_attn": "MSA",
    "joint_attn": "MSA",
    "mlp": "MLP",
    "conv": "Conv",
}
PANELS = {"a": ("MSA", "MLP", "Conv"), "b": ("MSA", "Conv"), "c": ("MLP", "Conv")}
TITLES = {
    "a": "(a) MSA and MLP blocks, Conv blocks",
    "b": "(b) MSA and Conv blocks",
    "c": "(c) MLP and Conv blocks",
}
# The name that the tables give to the model's input, which stands beside the taps.
INPUT = "input"


@dataclass(frozen=True)
class Summary:
    """One model's spectra in a row: means over the taps of panel (a), and what to know of them.

    side: that is drawn. taps, missing: number of taps, and of those without a value. tokens, omega,
    hz: the T', and the frequencies of the drawn bin (units of π, Hz), that occur. delta, corrected,
    matched: mean Δ, mean Δ + ½ ln T', mean Δ at ω = 0.5π. input: Δ of the input pixels. dead:
    largest share of dead series. reason: why taps have no value, empty where all have one.
    """

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
    """The side of the addition that is drawn: the branch only where no stream was extracted."""
    return "stream" if (table.loc[table["tap"] != INPUT, "side"] == "stream").any() else "branch"


def profile(
    table: pd.DataFrame, model: str, panel: str, *, point: str, statistic: str, control: str = CLIP
) -> pd.DataFrame:
    """The taps of one panel in execution order, one row each.

    x = i/(n−1) over the taps of the panel. A block has one MSA tap, before which the block's entire
    attention lies. Taps that the poster has not drawn (`definitions.in_figure1`) are left out.

    Returns
    -------
    Columns tap, order, kind, block, tokens, role, delta, low, high, x; delta, low and high are NaN
    where the tap has no such point.
    """
    rows = _rows(table, model, statistic, control)
    rows = rows.loc[(rows["side"] == side(rows)) & (rows["tap"] != INPUT)]
    taps = rows.drop_duplicates("tap").sort_values("order")
    taps = taps.loc[:, ["tap", "order", "kind", "block", "tokens"]]
    kinds = taps.groupby("block")["kind"].agg(set)
    on_the_poster = [
        definitions.in_figure1(kind, kinds[block])
        for kind, block in zip(taps["kind"], taps["block"])
    ]
    taps = taps.loc[np.array(on_the_poster, bool)]
    taps = taps.assign(role=taps["kind"].map(ROLES))
    taps = taps.loc[taps["role"].isin(PANELS[panel])]
    values = rows.loc[rows[f"is_{point}"], ["tap", "delta", "low", "high"]]
    taps = taps.merge(values, on="tap", how="left")
    return taps.assign(x=np.arange(len(taps)) / max(len(taps) - 1, 1))


def input_delta(
    table: pd.DataFrame, model: str, *, point: str, statistic: str, control: str = CLIP
) -> float:
    """Δ of the input pixels themselves, NaN where there is none."""
    rows = _rows(table, model, statistic, control)
    deltas = rows.loc[(rows["tap"] == INPUT) & rows[f"is_{point}"], "delta"]
    return float(deltas.iloc[0]) if len(deltas) else float("nan")


def summaries(table: pd.DataFrame, *, point: str, statistic: str) -> list[Summary]:
    """One `Summary` per model."""
    return [_summary(table, model, point, statistic) for model in models(table)]


def _summary(table: pd.DataFrame, model: str, point: str, statistic: str) -> Summary:
    taps = profile(table, model, "a", point=point, statistic=statistic)
    rows = _rows(table, model, statistic, CLIP)
    rows = rows.loc[rows["tap"].isin(taps["tap"]) & (rows["side"] == side(rows))]
    drawn = rows.loc[rows[f"is_{point}"]]
    tokens = [int(count) for count in taps["tokens"]]
    deltas = taps["delta"].to_numpy(np.float64)
    existing = sorted(set(tokens))
    reasons = dict.fromkeys(definitions.representative(t, point).reason for t in existing)
    return Summary(
        model=model,
        side=side(rows),
        taps=len(taps),
        missing=int(np.isnan(deltas).sum()),
        tokens=tuple(existing),
        omega=_distinct(drawn["omega"]),
        hz=_distinct(drawn["hz"]),
        delta=_mean(deltas),
        corrected=_mean([definitions.corrected(d, t) for d, t in zip(deltas, tokens)]),
        matched=_mean(_matched(rows, list(taps["tap"]), tokens)),
        input=input_delta(table, model, point=point, statistic=statistic),
        dead=float(rows["dead_share"].max()) if len(rows) else float("nan"),
        reason="; ".join(reason for reason in reasons if reason),
    )


def _rows(table: pd.DataFrame, model: str, statistic: str, control: str) -> pd.DataFrame:
    """The rows of a model under one statistic and control."""
    return table.loc[
        (table["model"] == model)
        & (table["control"] == control)
        & (table["statistic"] == statistic)
    ]


def _matched(rows: pd.DataFrame, taps: Sequence[str], tokens: Sequence[int]) -> list[float]:
    """Δ of each tap at ω = 0.5π."""
    spectra = {tap: part["delta"] for tap, part in rows.sort_values("bin").groupby("tap")}
    return [
        float(definitions.matched(spectra[tap].to_numpy(np.float64), count))
        for tap, count in zip(taps, tokens)
    ]


def _distinct(values: pd.Series) -> tuple[float, ...]:
    return tuple(sorted({round(float(value), 6) for value in values}))


def _mean(values: Sequence | np.ndarray) -> float:
    """Mean over the taps that have a value, NaN where none has."""
    array = np.asarray(values, np.float64)
    present = array[~np.isnan(array)]
    return float(present.mean()) if len(present) else float("nan")
