"""Table 1 as numbers: each model's accuracy, and how far it lies from the poster's.

The poster's count k of N is known, but not which videos: so the difference is that of two
independent samples, though the videos are the same. Where a video is easy for both, that test is
too careful.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.pipeline.errors import UserError
from signal_perception.report.results import poster
from signal_perception.report.results.tables import Results
from signal_perception.statistics.comparison import holm
from signal_perception.statistics.proportions import two_proportions

RANKS = (1, 5)


@dataclass(frozen=True)
class Score:
    """Top-1 or top-5 in percent with its interval (NaN with one cluster), and videos right.

    runs: percent of each, where a model was trained several times; the others are of their mean.
    """

    percent: float
    low: float
    high: float
    correct: float
    runs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Against:
    """Ours less the poster's, in points. p_holm: over the models of the data set, for one k."""

    difference: float
    low: float
    high: float
    p: float
    p_holm: float = float("nan")


@dataclass(frozen=True)
class Row:
    """A model on a data set.

    scores, against: k → numbers; against is empty where no test is made, and `untested` says why.
    total: videos scored; dropped: of the split's test videos, not scored. views: clips × crops of a
    video, one number where these are not known. controls: control → top-1, percent. printed: what
    the poster has of it. weights: SHA-256.
    """

    dataset: str
    model: str
    pretrained: str
    scores: Mapping[int, Score]
    total: int
    dropped: int
    views: tuple[int, ...]
    controls: Mapping[str, float]
    printed: poster.Accuracy | None
    against: Mapping[int, Against]
    untested: str
    weights: str


def table(results: Results, source: Mapping[str, Any]) -> list[Row]:
    """A row for each model that was scored.

    source: that of the data set in the parameters. UserError where a percentage is not the quotient
    of its counts.
    """
    dataset, accuracy = results.dataset, results.accuracy
    return _corrected([_row(dataset, model, accuracy[model], source) for model in accuracy])


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as a tidy table: percent, points, and counts of videos."""
    return pd.DataFrame([_record(row) for row in rows])


def _row(dataset: str, model: str, metrics: dict, source: Mapping[str, Any]) -> Row:
    _refuse_a_wrong_quotient(dataset, model, metrics)
    listed = metrics.get("n_listed", metrics["total"] + metrics["dropped"])
    printed = poster.TABLE1.get(dataset, {}).get(model)
    untested = _untested(dataset, metrics["total"], printed, source)
    known = ("clips", "crops") if "clips" in metrics else ("views",)
    return Row(
        dataset,
        model,
        pretrained=metrics["pretrained"] or "none",
        scores={k: _score(metrics, k) for k in RANKS},
        total=metrics["total"],
        dropped=listed - metrics["total"],
        views=tuple(metrics[name] for name in known if name in metrics),
        controls={name: control["top1"] for name, control in metrics["controls"].items()},
        printed=printed,
        against={} if untested or not printed else _against(dataset, metrics, printed),
        untested=untested,
        weights=metrics["weights_sha256"],
    )


def _score(metrics: dict, k: int) -> Score:
    values = (metrics[f"{name}{k}"] for name in ("top", "low", "high", "correct"))
    # JSON has null for an interval of one cluster
    percent, low, high, correct = (float("nan") if value is None else value for value in values)
    return Score(percent, low, high, correct, tuple(metrics.get(f"runs{k}", ())))


def _untested(
    dataset: str, total: int, printed: poster.Accuracy | None, source: Mapping[str, Any]
) -> str:
    """Why this row is not held against the poster; empty where it is."""
    if dataset not in poster.TABLE1:
        return "the poster has no such data set"
    if printed is None:
        return "the poster has no such model"
    if source.get("kind") != dataset:
        return "not the official split"
    if source["split"] != poster.SPLIT:
        return f"split {source['split']}, the poster has split {poster.SPLIT}"
    if total != poster.TOTALS[dataset]:
        return f"{total} videos, the poster has {poster.TOTALS[dataset]}"
    return ""


def _against(dataset: str, metrics: dict, printed: poster.Accuracy) -> dict[int, Against]:
    total, found = poster.TOTALS[dataset], {}
    for k in RANKS:
        theirs = printed.correct(k, total)
        each = two_proportions(metrics[f"correct{k}"], total, theirs, total)
        difference, low, high = (100 * v for v in (each.difference, each.low, each.high))
        found[k] = Against(difference, low, high, each.p)
    return found


def _corrected(rows: list[Row]) -> list[Row]:
    """The rows with Holm's correction over the models, of top-1 and of top-5 each."""
    p = {k: holm(np.array([_p(row, k) for row in rows])) for k in RANKS}
    return [
        replace(
            row,
            against={
                k: replace(each, p_holm=float(p[k][number])) for k, each in row.against.items()
            },
        )
        for number, row in enumerate(rows)
    ]


def _p(row: Row, k: int) -> float:
    return row.against[k].p if k in row.against else np.nan


def _refuse_a_wrong_quotient(dataset: str, model: str, metrics: dict) -> None:
    for k in RANKS:
        top, correct, total = metrics[f"top{k}"], metrics[f"correct{k}"], metrics["total"]
        # percent; a table written with two decimals still passes
        if abs(top - 100 * correct / total) > 0.01:
            raise UserError(
                f"The accuracy of {model} on {dataset} says top-{k} = {top:.2f} %, but {correct} "
                f"of {total} videos; run its stage evaluate again."
            )


def _record(row: Row) -> dict[str, object]:
    record: dict[str, object] = {
        "dataset": row.dataset,
        "model": row.model,
        "pretrained": row.pretrained,
        "views": "x".join(map(str, row.views)),
        "total": row.total,
        "dropped": row.dropped,
    }
    for k, score in row.scores.items():
        record |= {
            f"top{k}": score.percent,
            f"low{k}": score.low,
            f"high{k}": score.high,
            f"correct{k}": score.correct,
        }
        if score.runs:
            record |= {f"lowest{k}": min(score.runs), f"highest{k}": max(score.runs)}
    printed = row.printed
    record |= {
        "poster_pretraining": poster.PRETRAINING.get(row.model, "") if printed else "",
        "poster_top1": printed.top1 if printed else None,
        "poster_top5": printed.top5 if printed else None,
        "reference_top1": printed.quoted_top1 if printed else None,
    }
    for k in RANKS:
        each = row.against.get(k)
        for name in ("difference", "low", "high", "p", "p_holm"):
            record[f"poster_{name}{k}"] = getattr(each, name) if each else None
    return record | {"untested": row.untested}
