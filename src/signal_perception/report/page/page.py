"""The report: one interactive HTML page, its figures as files, and Table 1 as files.

The same tables and settings give the same figures and tables, and with the same facts of the
machine the same page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signal_perception.pipeline.params import plain
from signal_perception.report.figures.pictures import draw
from signal_perception.report.findings import thirds
from signal_perception.report.page import environment, table1_files
from signal_perception.report.page.digest import digest
from signal_perception.report.page.graphics import ROOM
from signal_perception.report.page.parts import parts
from signal_perception.report.page.provenance import NOTHING, Facts
from signal_perception.report.page.run_table import run_table
from signal_perception.report.page.sections import section
from signal_perception.report.page.sources import SOURCES, Sources
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


@dataclass(frozen=True)
class Page:
    """The page; its tables as text by file name."""

    html: str
    tables: Mapping[str, str]


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
    made = parts(results, settings, sources)
    html = (
        environment.environment()
        .get_template("page.html.j2")
        .render(
            parts=made,
            settings=_what_was_run(settings),
            seed=settings.seed,
            seeds=settings.study.seeds,
            facts=facts,
            stages=run_table(facts),
            digest=digest(results, settings),
            policy=environment.policy(),
            style=environment.style(),
            vega=environment.vega(),
            script=environment.script(),
        )
    )
    tables = table1_files.files(
        {each.dataset: each.scores for each in made},
        {each.dataset: each.pairs for each in made},
        settings.study.models,
        [thirds.table(each) for each in results],
    )
    return Page(html, tables)


def figures(results: Sequence[Results], settings: Settings) -> dict[str, bytes]:
    """Every figure for papers, as PNG and as PDF: name of the file → its bytes."""
    pictures = [
        picture for each in results for picture in section(each, settings, Sources(), ROOM).pictures
    ]
    draw(pictures)
    papers = {picture.paper: picture.pdf for picture in pictures}
    return {picture.file: picture.png for picture in pictures} | papers


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
