"""What linear probes say of a model's taps, and how alike its features are with other weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.report.results import depth, naming, rounding, weights
from signal_perception.report.results.depth import Tables

# model → weights, own ones first → table per tap of the stage probe
Probes = Mapping[str, Tables]


@dataclass(frozen=True)
class Row:
    """One model with some weights; of own ones all that compares is a dash, NaN or empty.

    name: of the weights, for readers. first, last, highest: top-1 with its interval at these taps;
    where: name of the highest. against: taps better / worse / same than with own weights, after
    Holm; median: of the difference in points. cka_first, cka_last: with its interval. alike: taps
    beyond shuffled videos, of all with a CKA. unconverged, unchosen: taps. finding: a sentence.
    """

    model: str
    name: str
    taps: int
    first: str
    last: str
    highest: str
    where: str
    against: str
    median: float
    cka_first: str
    cka_last: str
    alike: str
    unconverged: int
    unchosen: int
    finding: str


def shown(probes: Probes, dataset: str) -> Probes:
    """The tables that are drawn: of the models with own weights, own ones first."""
    return {model: tables for model, tables in probes.items() if dataset in tables}


def others(probes: Probes, dataset: str) -> Probes:
    """The tables of other weights alone, of the models that have any."""
    found = {
        model: {each: table for each, table in tables.items() if each != dataset}
        for model, tables in probes.items()
    }
    return {model: tables for model, tables in found.items() if tables}


def rows(probes: Probes, dataset: str) -> list[Row]:
    """One row per model and weights."""
    return [
        _row(model, each, table, dataset)
        for model, tables in probes.items()
        for each, table in tables.items()
    ]


def significant(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which taps differ from own weights, after Holm."""
    return _column(table, "p_holm") < 0.05


def beyond(table: pd.DataFrame) -> NDArray[np.bool_]:
    """At which taps the interval of CKA lies above that of shuffled videos."""
    return _column(table, "cka_low") > _column(table, "cka_of_shuffled")


def _row(model: str, each: str, table: pd.DataFrame, dataset: str) -> Row:
    taps: list[dict[Any, Any]] = table.to_dict("records")
    best = max(taps, key=lambda tap: tap["top1"])
    own = each == dataset
    more, less, same = _counts(table)
    alike = f"{beyond(table).sum()} of {len(depth.numbers(table, 'cka'))}"
    differences = depth.numbers(table, "difference")
    return Row(
        model=model,
        name=weights.name(each, dataset),
        taps=len(table),
        first=_top1(taps[0]),
        last=_top1(taps[-1]),
        highest=_top1(best),
        where=str(best["tap"]),
        against="–" if own else f"{more} / {less} / {same}",
        median=float(np.median(differences)) if len(differences) else float("nan"),
        cka_first=_cka(taps[0]),
        cka_last=_cka(taps[-1]),
        alike="–" if own else alike,
        unconverged=int((_column(table, "converged") == 0).sum()),
        unchosen=int((_column(table, "folds") == 0).sum()),
        finding="" if own else finding(model, each, dataset, table),
    )


def finding(model: str, each: str, dataset: str, table: pd.DataFrame) -> str:
    """What the weights change as one sentence, counted over taps."""
    more, less, _ = _counts(table)
    start = f"{naming.model(model)}, {weights.name(each, dataset)}"
    said = (
        f"the probe is better than {weights.name(dataset, dataset)} at {more} and worse at {less} "
        f"of {len(table)} taps"
    )
    known = len(depth.numbers(table, "cka"))
    if not known:
        return f"{start}: {said}; there is no CKA."
    if not len(depth.numbers(table, "cka_low")):
        return f"{start}: {said}; test videos are of too few sources for an interval of CKA."
    alike = table.loc[beyond(table), "tap"].tolist()
    if not alike:
        return f"{start}: {said}; at no tap are features more alike than those of shuffled videos."
    return (
        f"{start}: {said}; features are more alike than those of shuffled videos at {len(alike)} "
        f"of {known} taps, the last of them {alike[-1]}."
    )


def _counts(table: pd.DataFrame) -> tuple[int, int, int]:
    """Taps that are better, worse and the same."""
    differs = significant(table)
    difference = _column(table, "difference")
    more = int((differs & (difference > 0)).sum())
    less = int((differs & (difference < 0)).sum())
    return more, less, len(table) - more - less


def _column(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return table[name].to_numpy(np.float64)


def _top1(row: dict[Any, Any]) -> str:
    return rounding.estimate(row["top1"], row["low"], row["high"], 1, 1)


def _cka(row: dict[Any, Any]) -> str:
    return rounding.estimate(row["cka"], row["cka_low"], row["cka_high"], 2, 2)
