"""The page's tables on spectra and features, with the numbers behind their cells."""

from collections.abc import Mapping, Sequence

from signal_perception.report.findings import motion, response, summaries, transfer
from signal_perception.report.findings.motion import Counts
from signal_perception.report.page.formats import span
from signal_perception.report.page.table import (
    Cell,
    Row,
    Table,
    count,
    names,
    numbers,
    numeral,
    text,
)
from signal_perception.report.results import depth, naming, weights


def answers(found: Sequence[motion.Motion]) -> Table:
    """Is it motion?"""
    columns = [
        *names("model"),
        *numbers("taps", *(f"{kind}, more / less / same" for kind in depth.KINDS)),
        *numbers("median of clip − static", "energy, static / clip"),
    ]
    made = [
        Row(
            [
                text(naming.model(row.model)),
                count(row.taps),
                *(_counted(row.kinds, kind) for kind in depth.KINDS),
                numeral(row.median),
                numeral(row.energy),
            ]
        )
        for row in found
    ]
    return Table("motion", "Is it motion?", columns, made)


def means(found: Sequence[summaries.Summary]) -> Table:
    """Means over the taps of Figure 1."""
    columns = [
        *names("model"),
        *numbers("taps", "without value", "T′", "ω, π", "Hz", "mean Δ", "mean Δ + ½ ln T′"),
        *numbers("mean Δ at ω = 0.5π", "input pixels, Δ", "dead series, at most"),
    ]
    made = [
        Row(
            [
                text(naming.model(row.model)),
                count(row.taps),
                count(row.missing),
                Cell(", ".join(map(str, row.tokens)) or "–"),
                Cell(span(tuple(row.omega), 3)),
                Cell(span(tuple(row.hz), 2)),
                numeral(row.delta),
                numeral(row.corrected),
                numeral(row.matched),
                numeral(row.input),
                numeral(100 * row.dead, 1, " %"),
            ]
        )
        for row in found
    ]
    return Table("means", "Temporal spectra, means over taps", columns, made)


def responses(found: Sequence[response.Response]) -> Table:
    """Which kinds are low-pass."""
    columns = [
        *names("model", "kind"),
        *numbers("taps", "mean D", "share below 0", "low-pass taps", "high-pass taps"),
        *names("finding"),
    ]
    made = [
        Row(
            [
                text(naming.model(row.model)),
                text(row.kind),
                count(row.taps),
                numeral(row.mean, 3),
                numeral(100 * row.below, 0, " %"),
                count(row.low),
                count(row.high),
                text(row.word),
            ]
        )
        for row in found
    ]
    return Table("response", "Block response", columns, made)


def probes(found: Sequence[transfer.Row], *, compared: bool) -> Table:
    """Linear probes. compared: whether any are of other weights."""
    columns = [
        *names("model", "weights"),
        *numbers("taps", "top-1, first tap, %", "last tap", "highest"),
        *names("there"),
    ]
    if compared:
        columns += numbers(
            "against own, better / worse / same",
            "median, points",
            "CKA with own, first tap",
            "last tap",
            "taps beyond shuffled",
        )
    made = [
        Row(
            [
                text(naming.model(row.model)),
                text(row.name),
                count(row.taps),
                *map(Cell, (row.first, row.last, row.highest)),
                text(row.where),
                *(_against_own(row) if compared else []),
            ]
        )
        for row in found
    ]
    return Table("probes", "Linear probes", columns, made)


def others(found: Sequence[weights.Comparison]) -> Table:
    """Spectra with other weights."""
    columns = [
        *names("model", "weights"),
        *numbers("taps", *(f"{kind}, higher / lower / same" for kind in depth.KINDS)),
        *numbers("median of other − own", "median of clip − static, other", "own"),
    ]
    made = [
        Row(
            [
                text(naming.model(row.model)),
                text(row.name),
                count(row.taps),
                *(_counted(row.kinds, kind) for kind in depth.KINDS),
                numeral(row.median),
                numeral(row.motion.other),
                numeral(row.motion.own),
            ]
        )
        for row in found
    ]
    return Table("weights", "Spectra with other weights", columns, made)


def _against_own(row: transfer.Row) -> list[Cell]:
    return [
        Cell(row.against),
        numeral(row.median, 1),
        *map(Cell, (row.cka_first, row.cka_last, row.alike)),
    ]


def _counted(kinds: Mapping[str, Counts], kind: str) -> Cell:
    if kind not in kinds:
        return Cell("–")
    counts = kinds[kind]
    return Cell(f"{counts.more} / {counts.less} / {counts.same}")
