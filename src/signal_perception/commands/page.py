"""The report's page, written from the tables that are here."""

from pathlib import Path

from signal_perception.pipeline import dvcfile, stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.report.page import digest, page, provenance
from signal_perception.report.results import tables
from signal_perception.report.settings import Settings


def up_to_date(*, anew: bool = False) -> Path:
    """The page of the study, written where it is missing or of other tables, settings or code.

    anew: write it in any case, with the facts of this machine as they are now. UserError where
        there are no results yet.
    """
    settings, stages = stage.start("report").settings(Settings), dvcfile.stages()
    results = tables.read_study(settings.study, stages)
    path = page.place(settings)
    if anew or not digest.is_current(path, results, settings):
        made = page.page(results, settings, provenance.facts(stages))
        write_atomically(path, lambda place: place.write_text(made.html, encoding="utf-8"))
    return path


def write_page() -> None:
    """Write the page and say where it is."""
    print(f"The report is at {up_to_date(anew=True).resolve()}")
