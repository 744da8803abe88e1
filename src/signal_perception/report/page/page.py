"""The report: one interactive HTML page, its figures as files, and Table 1 as files.

The same tables and settings give the same figures and tables, and with the same facts of the
machine the same page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from signal_perception.pipeline.params import plain
from signal_perception.report.figures.pictures import Picture, draw
from signal_perception.report.findings import confusion, thirds
from signal_perception.report.page import environment, table1_files
from signal_perception.report.page.contents import Outline, outline
from signal_perception.report.page.digest import digest
from signal_perception.report.page.graphics import ROOM
from signal_perception.report.page.parts import SOURCES, Sources
from signal_perception.report.page.provenance import NOTHING, Facts
from signal_perception.report.page.run_table import run_table
from signal_perception.report.page.sections import Section, section
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


@dataclass(frozen=True)
class Page:
    """The page; its figures, drawn when they are asked for; its tables as text by file name."""

    html: str
    pictures: Sequence[Picture]
    tables: Mapping[str, str]

    @cached_property
    def figures(self) -> dict[str, bytes]:
        """Name of a file → its bytes: every figure as PNG and as PDF."""
        draw(self.pictures)
        papers = {picture.paper: picture.pdf for picture in self.pictures}
        return {picture.file: picture.png for picture in self.pictures} | papers


@dataclass(frozen=True)
class Part:
    """A section as HTML, and what of it can be linked to."""

    section: Section
    html: str
    outline: Outline

    def target(self, anchor: str) -> str:
        """The address of a chart, figure or table of this name; empty where there is none."""
        own = self.section.id
        ids = (f"{own}-{anchor}", f"{own}-table-{anchor}")
        return next((each for each in ids if each in self.outline.ids), "")


def place(settings: Settings) -> Path:
    """Where the page of a study lies, beside its figures and tables."""
    return Path("reports") / settings.study.name / "index.html"


def page(
    results: Sequence[Results],
    settings: Settings,
    facts: Facts = NOTHING,
    sources: Sources = SOURCES,
) -> Page:
    """Write the page, and draw the figures that it holds itself.

    results: one entry per data set. facts: of the machine at hand. sources: of charts and findings.
    """
    room = ROOM // max(len(results), 1)
    sections = [section(each, settings, sources, room) for each in results]
    html = (
        environment.environment()
        .get_template("page.html.j2")
        .render(
            parts=[_part(each) for each in sections],
            settings=_what_was_run(settings),
            seed=settings.seed,
            seeds=settings.study.seeds,
            facts=facts,
            stages=run_table(facts),
            digest=digest(results, settings),
            policy=environment.policy(),
            style=environment.style(),
            library=environment.library(),
            script=environment.script(),
        )
    )
    pictures = [picture for each in sections for picture in each.pictures]
    tables = table1_files.files(
        {each.dataset: each.accuracy.scores for each in sections},
        {each.dataset: [*each.accuracy.pairs[1], *each.accuracy.pairs[5]] for each in sections},
        settings.study.models,
        [thirds.table(each) for each in results],
    )
    return Page(html, pictures, tables)


def _part(made: Section) -> Part:
    template = environment.environment().get_template("section.html.j2")
    html = template.render(section=made, most_pairs=confusion.PAIRS)
    return Part(made, html, outline(html))


def _what_was_run(settings: Settings) -> dict[str, dict[str, object]]:
    """The settings as tables: heading → key → value; of the data sets, those of the study."""
    parts = plain(settings)
    own = parts["study"]["datasets"]
    parts["datasets"] = {name: part for name, part in parts["datasets"].items() if name in own}
    seed = parts.pop("seed")
    return {"seed": {"seed": seed}, **{heading: _sorted(part) for heading, part in parts.items()}}


def _sorted(part: dict) -> dict:
    """A part with its keys in order of the alphabet.

    DVC takes no notice of their order in params.yaml, so the page must not depend on it.
    """
    return {
        key: _sorted(value) if isinstance(value, dict) else value
        for key, value in sorted(part.items())
    }
