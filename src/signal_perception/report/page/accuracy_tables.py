"""The page's tables on accuracy, with the numbers behind their cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from signal_perception.report.findings import confusion, table1
from signal_perception.report.findings.pairs import Pair
from signal_perception.report.page import rows, table1_text
from signal_perception.report.page.table import (
    Cell,
    Column,
    Row,
    Table,
    between,
    chance_of,
    count,
    names,
    numbers,
    numeral,
    percent,
    text,
)
from signal_perception.report.results import naming, rounding
from signal_perception.report.results.tables import Results

_POSTER = [
    Column("poster, top-1 / top-5", "poster"),
    *names("its pre-training"),
    *numbers("reference, top-1", "ours − poster, top-1", "top-5"),
]


def accuracy(table: Sequence[table1.Row], controls: Sequence[str], *, has_poster: bool) -> Table:
    """Table 1. controls: those that any model has."""
    columns = [
        *names("model", "pre-training"),
        *numbers("views", "top-1, %", "top-5, %", "correct", "dropped"),
        *numbers(*(f"{control}, top-1" for control in controls)),
        *(_POSTER if has_poster else []),
    ]
    made = [
        Row(
            [
                *_known(row, table1_text.cells(row)),
                *(_control(row, control) for control in controls),
                *(_against_poster(row, table1_text.cells(row)) if has_poster else []),
            ],
            marked=bool(row.dropped),
        )
        for row in table
    ]
    return Table("table1", "Table 1. Accuracy on the test split", columns, made)


def pairs(compared: Sequence[Pair]) -> Table:
    """Models against each other at top-1."""
    columns = [
        *names("first − second"),
        *numbers("first alone right", "second alone right", "difference, points"),
        *numbers("p, McNemar", "p, Holm"),
        *names("better"),
    ]
    made = [
        Row(
            [
                text(f"{naming.model(pair.first)} − {naming.model(pair.second)}"),
                Cell(table1_text.count(pair.first_only), pair.first_only),
                Cell(table1_text.count(pair.second_only), pair.second_only),
                between(pair.difference, pair.low, pair.high),
                chance_of(pair.p),
                chance_of(pair.p_holm),
                text(naming.model(pair.better) if pair.better else ""),
            ]
        )
        for pair in compared
    ]
    return Table("pairs", "Models against each other", columns, made)


def classes(results: Results) -> Table:
    """Top-1 class by class, the lowest mean first."""
    columns = [
        *names("class"),
        *numbers("videos", *map(naming.model, results.classes)),
    ]
    found = {model: _by_class(table) for model, table in results.classes.items()}
    made = [
        Row(
            [
                text(row.name),
                count(row.videos),
                *(
                    Cell(row.top1[model], *found[model][row.name])
                    if model in row.top1
                    else Cell("–")
                    for model in results.classes
                ),
            ]
        )
        for row in (confusion.by_class(results.classes) if results.classes else [])
    ]
    return Table("classes", "Top-1 class by class", columns, made)


def confused(most: Mapping[str, Sequence[confusion.Confusion]]) -> Table:
    """The pairs of classes that are confused most, of each model. most: name → its pairs."""
    columns = [*names("model", "class", "taken for"), *numbers("videos", "% of the class")]
    made = [
        Row(
            [
                text(model),
                text(row.label),
                text(row.predicted),
                Cell(f"{row.videos} of {row.total}", row.videos),
                percent(row.percent, row.low, row.high, digits=0),
            ]
        )
        for model, pairs in most.items()
        for row in pairs
    ]
    return Table("confused", "Classes that are confused most", columns, made)


def calibration(accuracies: Mapping[str, Mapping[str, Any]]) -> Table:
    """Expected calibration error of the models that have one. accuracies: model → metrics."""
    made = [
        Row([text(naming.model(model)), percent(m["ece"], m["ece_low"], m["ece_high"], digits=1)])
        for model, m in accuracies.items()
        if "ece" in m
    ]
    columns = [*names("model"), *numbers("expected calibration error, points")]
    return Table("ece", "Expected calibration error", columns, made)


def sampling(found: Sequence[rows.SamplingRow]) -> Table:
    """Frames of the test clips."""
    columns = [
        *names("model"),
        *numbers("clips per video", "frames", "distinct frames, mean"),
        *numbers("videos with a repeated frame", "videos begun again", "seconds between frames"),
    ]
    made = [
        Row(
            [
                text(row.model),
                count(row.clips),
                count(row.frames),
                numeral(row.distinct, 1),
                numeral(row.repeated, 1, " %"),
                numeral(row.looped, 1, " %"),
                numeral(row.seconds, 3),
            ]
        )
        for row in found
    ]
    return Table("sampling", "Frames of the test clips", columns, made)


def _known(row: table1.Row, shown: table1_text.Cells) -> list[Cell]:
    """What every row has."""
    top1, top5 = row.scores[1], row.scores[5]
    return [
        text(shown.model),
        text(shown.pretrained),
        text(shown.views),
        Cell(shown.top1, top1.percent, top1.low, top1.high),
        Cell(shown.top5, top5.percent, top5.low, top5.high),
        Cell(shown.correct),
        count(shown.dropped),
    ]


def _control(row: table1.Row, control: str) -> Cell:
    if control not in row.controls:
        return Cell("–")
    return Cell(rounding.number(row.controls[control], 2), row.controls[control])


def _against_poster(row: table1.Row, shown: table1_text.Cells) -> list[Cell]:
    cells = [
        text(shown.poster),
        text(shown.poster_pretraining),
        Cell(shown.quoted or "–", row.printed.quoted_top1 if row.printed else None),
    ]
    for k, difference in ((1, shown.difference1), (5, shown.difference5)):
        each = row.against.get(k)
        known = (each.difference, each.low, each.high) if each else ()
        cells.append(Cell(difference, *known))
    return cells


def _by_class(table: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Class → top-1 with its interval."""
    columns = ["class", "top1", "low", "high"]
    return {
        str(name): (top1, low, high)
        for name, top1, low, high in table.loc[:, columns].itertuples(index=False)
    }
