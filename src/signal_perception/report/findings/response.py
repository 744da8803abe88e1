"""Block response D_i = Δ_i − Δ_{i−1}: which kinds of blocks let high frequencies pass."""

from dataclasses import dataclass

import pandas as pd

from signal_perception.report.findings.motion import count
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.remembered import remembered
from signal_perception.vocabulary import CLIP


@dataclass(frozen=True)
class Response:
    """The taps of one kind of one model.

    taps: with a value. mean: of D over them. below: share with D < 0. low, high: number of taps
    below and above 0 with p < .05 after Holm. word: low-pass, high-pass or neither.
    """

    model: str
    kind: str
    taps: int
    mean: float
    below: float
    low: int
    high: int
    word: str


def responses(tables: Tables, reading: Reading, control: str = CLIP) -> list[Response]:
    """One row per model and kind that has a block response; to the clip, or to a control of it.

    tables: model → table per bin.
    """
    return [
        row for model, table in tables.items() for row in _of_kinds(model, table, reading, control)
    ]


@remembered
def _of_kinds(
    model: str, table: pd.DataFrame, reading: Reading, control: str
) -> tuple[Response, ...]:
    taps = depth.at_point(table, reading, quantity="block_response", control=control)
    known = taps.loc[taps["value"].notna()]
    found = {kind: depth.of_kind(known, kind) for kind in depth.KINDS}
    return tuple(_response(model, kind, rows) for kind, rows in found.items() if len(rows))


def without(tables: Tables, reading: Reading) -> dict[str, str]:
    """The models that have no block response at this bin, each with the reason."""
    found = {row.model for row in responses(tables, reading)}
    return {
        model: "only what the sub-layers add was extracted, not the stream"
        if depth.side(table) == "branch"
        else "no two neighbouring taps have this bin"
        for model, table in tables.items()
        if model not in found
    }


def word(taps: int, low: int, high: int) -> str:
    """low-pass or high-pass where more than half of the taps are, else neither."""
    if low > taps / 2:
        return "low-pass"
    return "high-pass" if high > taps / 2 else "neither"


def _response(model: str, kind: str, taps: pd.DataFrame) -> Response:
    counts = count(taps)
    values = depth.numbers(taps, "value")
    return Response(
        model=model,
        kind=kind,
        taps=len(taps),
        mean=float(values.mean()),
        below=float((values < 0).mean()),
        low=counts.less,
        high=counts.more,
        word=word(len(taps), counts.less, counts.more),
    )
