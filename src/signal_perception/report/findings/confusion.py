"""Which classes a model takes for which: as a matrix, as pairs, and class by class."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signal_perception.report.results import rounding
from signal_perception.statistics.proportions import wilson

# With more classes a matrix cannot be read on a page.
MOST_CLASSES = 60
# Pairs that are listed in its place.
PAIRS = 20
# Name of the column of videos without a finite score.
NO_SCORE = "no score"
_BOTH = ("label", "predicted")


@dataclass(frozen=True)
class Confusion:
    """Videos of one class that are taken for another.

    total: videos of the class. percent: of these, with Wilson's interval of independent videos.
    """

    label: str
    predicted: str
    videos: int
    total: int
    percent: float
    low: float
    high: float


def matrix(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Videos by true class (rows) and predicted class (columns), 0 where there are none.

    table: columns label, predicted ("" without a finite score), videos. A last column NO_SCORE
    where any video has none.
    """
    counts = table.pivot_table(
        index="label", columns="predicted", values="videos", aggfunc="sum", fill_value=0
    )
    columns = [*classes, *([""] if "" in counts.columns else [])]
    shown = counts.reindex(index=list(classes), columns=columns, fill_value=0)
    return shown.rename(columns={"": NO_SCORE}).astype(np.int64)


def most_confused(table: pd.DataFrame) -> list[Confusion]:
    """The pairs of classes of which most videos are confused, most first."""
    counts = list(zip(table["label"], table["predicted"], table["videos"], strict=True))
    totals: Counter[str] = Counter()
    for label, _, videos in counts:
        totals[label] += videos
    wrong = [row for row in counts if row[0] != row[1]]
    wrong.sort(key=lambda row: (-row[2], row[0], row[1]))
    return [_confusion(*row, totals[row[0]]) for row in wrong[:PAIRS]]


def class_names(tables: Iterable[pd.DataFrame]) -> list[str]:
    """Sorted names of all classes that tables of confusion have, true or predicted."""
    names = {name for table in tables for column in _BOTH for name in table[column]}
    return sorted(names - {""})


@dataclass(frozen=True)
class ClassRow:
    """A class: its number of test videos, and top-1 by model with its interval, as text."""

    name: str
    videos: int
    top1: Mapping[str, str]


def by_class(tables: Mapping[str, pd.DataFrame]) -> list[ClassRow]:
    """All classes, that of the lowest mean top-1 over the models first.

    tables: model → columns class, n, top1, low, high (percent).
    """
    columns = ["class", "n", "top1", "low", "high"]
    found: dict[str, dict[str, tuple]] = {}
    for model, table in tables.items():
        for name, *numbers in table.loc[:, columns].itertuples(index=False):
            found.setdefault(name, {})[model] = tuple(numbers)
    rows = [
        (
            sum(top1 for _, top1, *_ in by_model.values()) / len(by_model),
            ClassRow(
                name,
                int(max(n for n, *_ in by_model.values())),
                {model: _percent(*rest) for model, (_, *rest) in by_model.items()},
            ),
        )
        for name, by_model in found.items()
    ]
    return [row for _, row in sorted(rows, key=lambda each: (each[0], each[1].name))]


def _confusion(label: str, predicted: str, videos: int, total: int) -> Confusion:
    share, (low, high) = videos / total, wilson(videos, total)
    name = predicted or NO_SCORE
    return Confusion(label, name, videos, total, 100 * share, 100 * low, 100 * high)


def _percent(top1: float, low: float, high: float) -> str:
    """With its interval, which a class of one source has not."""
    return rounding.estimate(top1, low, high, 0, 0)
