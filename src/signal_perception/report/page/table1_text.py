"""Table 1 in words: the cells of the page and of the files, and the sentences below them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signal_perception.report.findings.table1 import RANKS, Against, Row, Score
from signal_perception.report.page.sheets import Sheet
from signal_perception.report.results import naming, poster, rounding

# Marks an accuracy over fewer videos than the split has.
FEWER = "†"
_NONE = "–"

FEWER_NOTE = (
    f"{FEWER} Not every test video was scored, so the number does not compare with one over the "
    "whole split."
)
INTERVAL_NOTE = (
    "In brackets: 95 % interval, of one run after Wilson on the effective number of videos, which "
    "come in sources, of several over runs and videos (Student's t)."
)
AGAINST_NOTE = (
    "Ours − poster: points, with Newcombe's 95 % interval and p of χ² without correction (Fisher's "
    "exact where an expected count is below 5), after Holm over the models of the data set, of "
    "top-1 and of top-5 apart. Of the poster's videos the count is known and not which were right, "
    "so the two are taken as independent samples of independent videos."
)


RUNS_NOTE = (
    "A model with several runs has their mean, and it is the mean that is held against the poster: "
    "in that test the variance of training is not."
)


@dataclass(frozen=True)
class Cells:
    """A row of Table 1 as text; empty where there is nothing to say.

    correct: videos right at top-1 and top-5 of those scored, fractions where ties are. difference1,
    difference5: ours less the poster's, or why there is none.
    """

    model: str
    pretrained: str
    views: str
    top1: str
    top5: str
    correct: str
    dropped: int
    controls: Mapping[str, str]
    poster_pretraining: str
    poster: str
    quoted: str
    difference1: str
    difference5: str
    weights: str


def cells(row: Row) -> Cells:
    """A row as text."""
    printed, mark = row.printed, f" {FEWER}" * bool(row.dropped)
    counts = " / ".join(count(row.scores[k].correct) for k in RANKS)
    return Cells(
        model=naming.model(row.model) + mark,
        pretrained=row.pretrained,
        views=" × ".join(map(str, row.views)),
        top1=_score(row.scores[1]),
        top5=_score(row.scores[5]),
        correct=f"{counts} of {row.total}",
        dropped=row.dropped,
        controls={name: f"{top1:.2f}" for name, top1 in row.controls.items()},
        poster_pretraining=poster.PRETRAINING.get(row.model, "") if printed else "",
        poster=f"{printed.top1:.2f} / {printed.top5:.2f}" if printed else "",
        quoted=f"{printed.quoted_top1:.2f}" if printed and printed.quoted_top1 else "",
        difference1=_difference(row, 1),
        difference5=_difference(row, 5),
        weights=row.weights,
    )


def count(videos: float) -> str:
    """A number of videos, which ties make a fraction: "97" or "97.33"."""
    return f"{videos:.2f}".rstrip("0").removesuffix(".")


def notes(rows: Sequence[Row]) -> list[str]:
    """What is to be known of these rows."""
    tested = [row for row in rows if row.against]
    return [
        *([AGAINST_NOTE] if tested else []),
        *([RUNS_NOTE] if any(row.scores[1].runs for row in tested) else []),
        *([FEWER_NOTE] if any(row.dropped for row in rows) else []),
    ]


def sheets(tables: Mapping[str, Sequence[Row]], models: Sequence[str]) -> list[Sheet]:
    """Table 1 as the poster has it, then all that is known of each data set.

    tables: data set → rows. models: of the study, in its order.
    """
    scored = {dataset: rows for dataset, rows in tables.items() if rows}
    return [_overview(scored, models), *(_details(*each) for each in scored.items())]


def _overview(tables: Mapping[str, Sequence[Row]], models: Sequence[str]) -> Sheet:
    """A row per model, and for each data set its accuracy, the poster's and what that quotes."""
    head = ["Backbone", "Pre-training"]
    for dataset in tables:
        head.append(f"{naming.dataset(dataset)}: top-1 / top-5, %")
        if dataset in poster.TABLE1:
            head += ["poster", "reference, top-1"]
    found = {(row.model, row.dataset): row for rows in tables.values() for row in rows}
    lines = []
    for model in models:
        own = [found[model, dataset] for dataset in tables if (model, dataset) in found]
        line = [
            naming.model(model),
            ", ".join(dict.fromkeys(row.pretrained for row in own)) or _NONE,
        ]
        for dataset in tables:
            row = found.get((model, dataset))
            line.append(_both(row) if row else "not run")
            if dataset in poster.TABLE1:
                shown = cells(row) if row else None
                line += [shown.poster or _NONE, shown.quoted or _NONE] if shown else [_NONE, _NONE]
        lines.append(line)
    rows = [row for rows in tables.values() for row in rows]
    about = [INTERVAL_NOTE, *([FEWER_NOTE] if any(row.dropped for row in rows) else [])]
    return Sheet("Table 1. Accuracy on the test split", head, lines, about, names=2)


def _details(dataset: str, rows: Sequence[Row]) -> Sheet:
    has_poster = dataset in poster.TABLE1
    head = ["Backbone", "views", "top-1, %", "top-5, %", "correct", "dropped"]
    head += ["poster", "ours − poster, top-1", "top-5"] if has_poster else []
    lines = []
    for row in rows:
        shown = cells(row)
        line = [shown.model, shown.views or _NONE, shown.top1, shown.top5, shown.correct]
        line.append(str(shown.dropped))
        if has_poster:
            line += [shown.poster or _NONE, shown.difference1, shown.difference5]
        lines.append(line)
    about = "Views: clips × crops of a video. Correct: videos right at top-1 / top-5."
    title = f"{naming.dataset(dataset)}, in full"
    return Sheet(title, head, lines, [about, *notes(rows)])


def _both(row: Row) -> str:
    return " / ".join(_score(row.scores[k]) for k in RANKS) + f" {FEWER}" * bool(row.dropped)


def _score(score: Score) -> str:
    """With its interval, and before it the lowest and the highest of several runs."""
    told = []
    if score.runs:
        spread = " to ".join(rounding.bounds(min(score.runs), max(score.runs), 1))
        told.append(f"{spread} of {len(score.runs)} runs")
    if score.low == score.low:
        told.append(rounding.interval(score.low, score.high, 1, score.percent))
    return f"{score.percent:.2f}" + (f" ({'; '.join(told)})" if told else "")


def _difference(row: Row, k: int) -> str:
    each = row.against.get(k)
    return row.untested if each is None else _in_words(each)


def _in_words(each: Against) -> str:
    ends = rounding.interval(each.low, each.high, 1, each.difference, plus=True)
    p = "< 0.001" if each.p_holm < 0.001 else f"= {each.p_holm:.3f}"
    return f"{rounding.signed(each.difference, 1)} ({ends}), p {p}"
