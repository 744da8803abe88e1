"""The numbers under Figure 1: each model's temporal spectra in a row."""

from dataclasses import dataclass

import pandas as pd

from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.remembered import remembered


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


def summaries(tables: Tables, reading: Reading) -> list[Summary]:
    """One `Summary` per model.

    tables: model → table per tap.
    """
    return [_summary(model, table, reading) for model, table in tables.items()]


@remembered
def _summary(model: str, table: pd.DataFrame, reading: Reading) -> Summary:
    taps = depth.profile(table, "a", reading)
    corrected = depth.profile(table, "a", reading, quantity="corrected")
    matched = depth.profile(table, "a", reading, quantity="matched")
    drawn = taps.loc[taps["value"].notna()]
    dead = table.loc[table["tap"].isin(taps["tap"]), "dead_share"]
    return Summary(
        model=model,
        side=depth.side(table),
        taps=len(taps),
        missing=len(taps) - len(drawn),
        tokens=tuple(sorted({int(count) for count in taps["tokens"]})),
        omega=_distinct(drawn["omega"]),
        hz=_distinct(drawn["hz"]),
        delta=_mean(taps),
        corrected=_mean(corrected),
        matched=_mean(matched),
        input=depth.of_input(table, reading),
        dead=float(dead.max()) if len(dead) else float("nan"),
        reason="; ".join(dict.fromkeys(reason for reason in taps["reason"].dropna() if reason)),
    )


def _distinct(values: pd.Series) -> tuple[float, ...]:
    return tuple(sorted({round(float(value), 6) for value in values.dropna()}))


def _mean(taps: pd.DataFrame) -> float:
    """Mean over the taps that have a value, NaN where none has."""
    values = depth.numbers(taps, "value")
    return float(values.mean()) if len(values) else float("nan")
