"""The findings of a data set in words, which stand first on its page: from tests in its tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from signal_perception.report.findings import first_noise, motion, response
from signal_perception.report.findings.finding import Finding
from signal_perception.report.findings.losses import Comparison
from signal_perception.report.findings.phrases import both, listed
from signal_perception.report.results import depth, naming, rounding
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings
from signal_perception.statistics.comparison import holm

# Significance level after Holm's correction.
_LEVEL = 0.05
_NO_TEST = "Nothing was tested."
_MOTION = {
    motion.MOTION: "Motion is most of what is seen at this frequency: at most taps the clip has "
    "more than its static control, in {}.",
    motion.MOSTLY_STATIC: "Motion is seen at most taps, but most of the energy is there without "
    "it, in {}.",
    motion.PART: "Motion is seen at a part of the depth in {}.",
    motion.OWN: "What is seen at this frequency is made by the model itself and is not motion: at "
    "few taps or none the clip has more than its static control, in {}.",
    motion.OPEN: "Whether there is motion stays open, for no tap has this bin, in {}.",
}


def findings(results: Results, settings: Settings, compared: Comparison) -> list[Finding]:
    """All findings of a data set, by topic: accuracy, motion, filter, noise, poster.

    Where a control was not run, a finding says that nothing is known.

    compared: models under noise, see `losses.comparison`.
    """
    reading = Reading(settings.report.point, settings.report.statistic)
    source = settings.datasets.get(results.dataset, {}).get("source", {})
    return [
        *accuracy(results.accuracy),
        *movement(results, reading),
        *filters(results.spectra, reading),
        *first_noise.noise(results, compared),
        *first_noise.against_the_poster(results, source),
    ]


def accuracy(metrics: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Who is above chance, after Holm over the models. metrics: by model."""
    if not metrics:
        return [Finding("accuracy", "No model was scored.", _NO_TEST, "table1")]
    p = dict(zip(metrics, holm(np.array([_p_of_chance(each) for each in metrics.values()]))))
    ordered = sorted(metrics, key=lambda model: metrics[model]["top1"])
    above = [m for m in ordered if p[m] < _LEVEL and metrics[m]["top1"] > metrics[m]["chance1"]]
    below = [model for model in metrics if model not in above]
    chance = f"{next(iter(metrics.values()))['chance1']:.2f} %"
    said = []
    if above:
        ends = dict.fromkeys((above[0], above[-1]))
        numbers = " to ".join(_scored(model, metrics[model]) for model in ends)
        count = f"{len(above)} of {len(metrics)}" if below or len(above) == 1 else f"All {len(p)}"
        verb, place = both(metrics, "model is", "models are"), "from " * (len(ends) > 1)
        said.append(f"{count} {verb} above chance ({chance}): {place}{numbers}")
    if below:
        names = listed(_scored(model, metrics[model]) for model in below)
        said.append(f"not shown to be above chance ({chance}) {both(below)} {names}")
    test = (
        "Top-1 of each model against that of a guess: p of the interval in Table 1 (over videos "
        f"and their sources), after Holm over {len(metrics)} {both(metrics, 'model', 'models')}."
    )
    return [Finding("accuracy", _sentence("; ".join(said)), test, "table1")]


def movement(results: Results, reading: Reading) -> list[Finding]:
    """What is motion and what is the model's own, a finding for each answer that models share."""
    tables = {model: results.depth[model] for model in results.models if model in results.depth}
    answers = motion.answers(tables, reading)
    found = []
    for verdict, words in _MOTION.items():
        same = [answer for answer in answers if answer.verdict == verdict]
        if same:
            names = listed(_moved(answer, tables[answer.model], reading) for answer in same)
            text = words.format(names)
            found.append(Finding("motion", text, _tested_motion(answers), "motion"))
    without = [naming.model(model) for model in tables if not depth.has_static(tables[model])]
    if without:
        text = (
            f"Whether {listed(without)} {both(without, 'sees', 'see')} motion is not known: the "
            "static control was not run."
        )
        found.append(Finding("motion", text, _NO_TEST, "figure1"))
    return found


def filters(tables: Tables, reading: Reading) -> list[Finding]:
    """Which kinds of blocks are low-pass or high-pass, a finding for each kind.

    tables: model → table per bin.
    """
    clips = response.responses(tables, reading)
    with_static = {model: table for model, table in tables.items() if depth.has_static(table)}
    static = {
        (each.model, each.kind): each.word
        for each in response.responses(with_static, reading, depth.STATIC)
    }
    found = []
    for kind in depth.KINDS:
        rows = [each for each in clips if each.kind == kind]
        if rows:
            found.append(Finding("filter", _filtered(kind, rows, static), _FILTERED, "response"))
    return found


_FILTERED = (
    "Block response D of each tap against 0, over videos, after Holm over the taps of one kind of "
    "a model. Low-pass or high-pass: more than half of the taps are."
)


def _filtered(
    kind: str, rows: Sequence[response.Response], static: Mapping[tuple[str, str], str]
) -> str:
    parts = []
    for word in ("low-pass", "high-pass", "neither"):
        same = [row for row in rows if row.word == word]
        if same:
            told = listed(_counted(row) for row in same)
            parts.append(f"{word} in {told}")
    text = f"{kind} blocks are {'; '.join(parts)}"
    alike = [
        naming.model(row.model)
        for row in rows
        if row.word != "neither" and static.get((row.model, kind)) == row.word
    ]
    if alike:
        text += f"; so they are for the static clip in {listed(alike)}, where nothing moves"
    return f"{text}."


def _counted(row: response.Response) -> str:
    name = naming.model(row.model)
    if row.word == "neither":
        return f"{name} ({row.low} below and {row.high} above 0 of {row.taps} taps)"
    count = row.low if row.word == "low-pass" else row.high
    return f"{name} ({count} of {row.taps} taps)"


def _tested_motion(answers: Sequence[motion.Motion]) -> str:
    return (
        "Clip − static of each tap against 0, paired by video, after Holm over the taps of one "
        f"kind of a model, in {len(answers)} model{'s' if len(answers) > 1 else ''}. Most taps: "
        "three quarters or more; few: below one quarter."
    )


def _moved(answer: motion.Motion, table: pd.DataFrame, reading: Reading) -> str:
    """A model with its taps, and the difference at the one in the middle of them."""
    name = naming.model(answer.model)
    more = sum(counts.more for counts in answer.kinds.values())
    total = sum(counts.total for counts in answer.kinds.values())
    if not total:
        return name
    taps = depth.profile(table, "a", reading, control=depth.DIFFERENCE)
    taps = taps.loc[taps["value"].notna()].sort_values("value", kind="stable")
    value, low, high = taps.loc[:, ["value", "low", "high"]].to_numpy(np.float64)[(total - 1) // 2]
    ends = rounding.interval(low, high, 2, value, plus=True)
    middle = rounding.signed(value, 2) + (f", {ends}" if ends else "")
    energy = f", {answer.energy:.2f} of its energy" if answer.energy == answer.energy else ""
    static = energy if answer.verdict == motion.MOSTLY_STATIC else ""
    return f"{name} ({more} of {total} taps; median tap {middle}{static})"


def _p_of_chance(metrics: Mapping[str, Any]) -> float:
    """p of top-1 being that of a guess: below 0.05 where the interval of Table 1 excludes it.

    Student's, of a distance from the guess in units of the interval's half-width on its side. NaN
    where all videos are of one source, and have no interval.
    """
    top1, chance = metrics["top1"], metrics["chance1"]
    bound = metrics["low1"] if top1 > chance else metrics["high1"]
    freedom = metrics["n_clusters"] - 1
    if bound is None or bound == top1:
        return np.nan if bound is None else float(top1 == chance)
    distance = stdtrit(freedom, 0.975) * (top1 - chance) / (top1 - bound)
    return float(2 * stdtr(freedom, -distance))


def _scored(model: str, metrics: Mapping[str, Any]) -> str:
    low, high = (np.nan if metrics[name] is None else metrics[name] for name in ("low1", "high1"))
    ends = rounding.interval(low, high, 1, metrics["top1"])
    return f"{naming.model(model)} with {metrics['top1']:.2f} %" + (f" ({ends})" if ends else "")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
