"""Two experiments side by side, as one object: for the terminal, for JSON, and for the page."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from signal_perception.commands.compare import numbers, parameters, revisions
from signal_perception.commands.compare.numbers import Number
from signal_perception.commands.compare.parameters import Change
from signal_perception.commands.compare.revisions import Experiment
from signal_perception.report import summary
from signal_perception.report.results import runs

RULE = (
    "A number moved where the difference has p < 0.05 after Holm's correction over all numbers of "
    "its kind on its data set. Top-1, top-5 and top-1 under noise are paired by video; taps and "
    "single cells are judged by both 95 % intervals as if these were independent, which is too "
    "careful, for the videos are the same."
)


@dataclass(frozen=True)
class Line:
    """One number of reports/summary.json in both experiments; None where it has none."""

    dataset: str
    model: str
    name: str
    first: float | str | None
    second: float | str | None


@dataclass(frozen=True)
class Comparison:
    """What differs between two experiments.

    changes: parameters. code: source files that differ and can change a result. lines: of the
    summary, all of them. numbers: that both have, in the order of the report. notes: what a reader
    has to know before believing them.
    """

    first: Experiment
    second: Experiment
    changes: Sequence[Change]
    code: Sequence[str]
    lines: Sequence[Line]
    numbers: Sequence[Number]
    notes: Sequence[str]

    @property
    def changed(self) -> list[Line]:
        """Lines of the summary that differ, of the models that both have."""
        models = [
            {(each.dataset, model) for each in experiment.results for model in each.models}
            for experiment in (self.first, self.second)
        ]
        both = models[0] & models[1]
        return [
            each
            for each in self.lines
            if each.first != each.second and (each.dataset, each.model) in both
        ]

    @property
    def moved(self) -> list[Number]:
        return [each for each in self.numbers if each.moved]

    def as_json(self) -> dict[str, Any]:
        """The same in plain types; None where a number does not exist."""
        return {
            "first": {"name": self.first.name, "commit": self.first.commit},
            "second": {"name": self.second.name, "commit": self.second.commit},
            "rule": RULE,
            "notes": list(self.notes),
            "parameters": [asdict(each) for each in self.changes],
            "code": list(self.code),
            "summary": [asdict(each) for each in self.changed],
            "numbers": [_plain(each) for each in self.numbers if not each.same],
        }


def compare(first: Experiment, second: Experiment) -> Comparison:
    """All that differs."""
    found = numbers.numbers(first, second)
    return Comparison(
        first,
        second,
        parameters.changes(first.root, second.root),
        revisions.changed_code(first, second),
        _lines(first, second),
        found,
        _notes(first, second, found),
    )


def _lines(first: Experiment, second: Experiment) -> list[Line]:
    old, new = (summary.summary(each.results, second.reading) for each in (first, second))
    found = []
    for dataset in dict.fromkeys([*old, *new]):
        before, after = old.get(dataset, {}), new.get(dataset, {})
        for model in dict.fromkeys([*before, *after]):
            one, other = before.get(model, {}), after.get(model, {})
            for name in dict.fromkeys([*one, *other]):
                found.append(Line(dataset, model, name, one.get(name), other.get(name)))
    return found


def _notes(first: Experiment, second: Experiment, found: Sequence[Number]) -> list[str]:
    notes = []
    for one, other in ((first, second), (second, first)):
        theirs = {each.dataset: set(each.models) for each in other.results}
        alone = [
            f"{model} on {each.dataset}"
            for each in one.results
            for model in each.models
            if model not in theirs.get(each.dataset, set())
        ]
        if alone:
            notes.append(f"Only in {one.name}, so not compared: {', '.join(alone)}.")
    cells = [numbers.cells(each.results) for each in (first, second)]
    alone = [len(cells[0] - cells[1]), len(cells[1] - cells[0])]
    if any(alone):
        notes.append(
            f"Cells of noise that only one has are not compared cell by cell: {alone[0]} of "
            f"{first.name}, {alone[1]} of {second.name}."
        )
    if first.reading != second.reading:
        notes.append(
            f"Δ of both is read as in {second.name}: {second.reading.statistic}, bin "
            f"{second.reading.point}."
        )
    counts = {
        runs.number(table)
        for experiment in (first, second)
        for each in experiment.results
        for table in each.depth.values()
    }
    if any(_trained_again(first, second)):
        trained = ", ".join(dict.fromkeys(_trained_again(first, second)))
        notes.append(f"Other weights in both: {trained}. {runs.in_words(counts, 'intervals')}")
    if found and all(each.same for each in found):
        notes.append("All numbers are the same to the last digit.")
    return notes


def _trained_again(first: Experiment, second: Experiment) -> list[str]:
    """Models whose weights are not those of the other experiment."""
    known = {each.dataset: each.accuracy for each in first.results}
    return [
        model
        for each in second.results
        for model, metrics in each.accuracy.items()
        if model in known.get(each.dataset, {})
        and known[each.dataset][model]["weights_sha256"] != metrics["weights_sha256"]
    ]


def _plain(number: Number) -> dict[str, Any]:
    values = {each.name: getattr(number, each.name) for each in fields(number)}
    values = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
    return values | {"moved": number.moved}
