"""A data set's part of the page, rendered; several data sets side by side."""

import gc
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from signal_perception.pipeline import workers
from signal_perception.report.findings import confusion, table1
from signal_perception.report.findings.pairs import Pair
from signal_perception.report.page import environment
from signal_perception.report.page.contents import Heading, Outline, outline
from signal_perception.report.page.graphics import ROOM
from signal_perception.report.page.sections import Section, section
from signal_perception.report.page.sources import Sources
from signal_perception.report.page.table import Table
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


@dataclass(frozen=True)
class Part:
    """What the page takes of a data set.

    id: its address. findings: whether it has any. headings: of the contents. videos, weights: what
    the numbers rest on. scores, pairs: rows of Table 1, and models against each other.
    """

    dataset: str
    id: str
    name: str
    html: str
    findings: bool
    headings: Sequence[Heading]
    videos: Table
    weights: Table
    scores: Sequence[table1.Row]
    pairs: Sequence[Pair]


def parts(results: Sequence[Results], settings: Settings, sources: Sources) -> list[Part]:
    """One for each data set; side by side where there are processes, with the same bytes."""
    processes = min(workers.count(), len(results))
    _GIVEN[:] = [(each, settings, sources, ROOM // len(results)) for each in results]
    try:
        # forked children have the tables; where processes are not forked they would have to be sent
        if processes < 2 or sys.platform != "linux":
            return [_of(number) for number in range(len(results))]
        with multiprocessing.get_context("fork").Pool(processes, gc.freeze) as pool:
            return pool.map(_of, range(len(results)), chunksize=1)
    finally:
        _GIVEN.clear()


# What the children of `parts` find when they are forked.
_GIVEN: list[tuple[Results, Settings, Sources, int]] = []


def _of(number: int) -> Part:
    made = section(*_GIVEN[number])
    templates = environment.environment()
    body = templates.get_template("section.html.j2").render(
        section=made, most_pairs=confusion.PAIRS
    )
    found = outline(body)
    html = templates.get_template("dataset.html.j2").render(
        section=made, body=body, target=partial(_target, made, found)
    )
    return Part(
        made.dataset,
        made.id,
        made.name,
        html,
        bool(made.findings),
        found.headings,
        made.videos,
        made.weights,
        made.accuracy.scores,
        [*made.accuracy.pairs[1], *made.accuracy.pairs[5]],
    )


def _target(made: Section, found: Outline, anchor: str) -> str:
    """The address of a chart, figure or table of this name; empty where there is none."""
    ids = (f"{made.id}-{anchor}", f"{made.id}-table-{anchor}")
    return next((each for each in ids if each in found.ids), "")
