"""The report: one static HTML page, its figures as PNG and PDF, and Table 1 as files.

The same tables and settings give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from signal_perception.pipeline.params import plain
from signal_perception.report.figures import pictures
from signal_perception.report.findings import confusion, thirds
from signal_perception.report.page import table1_files, table1_text
from signal_perception.report.page.sections import section
from signal_perception.report.results import naming, noise_cells, rounding
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


@dataclass(frozen=True)
class Page:
    """The page; by file name its figures as PNG and PDF, and its tables as text."""

    html: str
    figures: Mapping[str, bytes]
    tables: Mapping[str, str]


def page(results: Sequence[Results], settings: Settings) -> Page:
    """Draw every figure and write the page.

    results: one entry per data set.
    """
    sections = [section(each, settings) for each in results]
    drawn = [picture for each in sections for picture in each.pictures]
    pictures.draw(drawn)
    template = _environment().get_template("page.html.j2")
    html = template.render(
        sections=sections,
        settings=_what_was_run(settings),
        name=naming.model,
        most_pairs=confusion.PAIRS,
    )
    tables = table1_files.files(
        {each.dataset: each.accuracy.table for each in sections},
        {each.dataset: [*each.accuracy.pairs[1], *each.accuracy.pairs[5]] for each in sections},
        settings.study.models,
        [thirds.table(each) for each in results],
    )
    # what the page shows first, then the same for papers
    files = {picture.file: picture.png for picture in drawn}
    files |= {picture.paper: picture.pdf for picture in drawn}
    return Page(html, files, tables)


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


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("signal_perception.report.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {
        "number": _number,
        "chance": _chance,
        "count": table1_text.count,
        "interval": _interval,
    }
    names = {"plain": noise_cells.plain, "grid": noise_cells.grid_title}
    environment.filters.update(filters | names)
    return environment


def _number(value: float, digits: int = 2) -> str:
    """A number for a table: a proper minus sign, a dash where there is none."""
    # a rounded −0.0 plus 0 is 0
    return "–" if value != value else f"{round(value, digits) + 0:.{digits}f}".replace("-", "−")


def _interval(row: Any, digits: int = 2) -> str:
    """The interval of a row that has low and high, rounded outwards."""
    return rounding.interval(row.low, row.high, digits) or rounding.NONE


def _chance(p: float) -> str:
    """A p for a table; small ones without digits that the bootstrap does not have."""
    return "< 0.001" if p < 0.001 else _number(p, 3)
