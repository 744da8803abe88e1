"""Pages of planted results, and what stands on them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from signal_perception.pipeline.params import Study
from signal_perception.report.page.page import Page, figures, page
from signal_perception.report.page.provenance import Facts, StageRun
from signal_perception.report.page.sources import Sources
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Report, Settings

NO_NOISE: dict[str, Any] = {"noise": {}, "contrasts": {}, "robustness": {}, "noise_spectra": {}}


# A page without charts holds every figure as a picture.
FIGURES = Sources()
FACTS = Facts("0123abcd", {"Python": "3.11"}, (StageRun("report"),))


def make_settings(**sections: dict[str, Any]) -> Settings:
    noise = {"bootstrap": 200, "scale": "rel_fro"}
    given: dict[str, dict[str, Any]] = {
        "datasets": {"shapes": {"source": {"kind": "synthetic"}, "flip": False}, "gestures": {}},
        "views": {},
        "extract": {},
        "spectra": {},
        "probe": {"folds": 3},
        "noise": noise,
    }
    sections = {name: given[name] | values for name, values in sections.items()}
    return Settings(
        seed=0,
        study=Study(
            name="mine",
            datasets=("shapes",),
            models=("i3d",),
            weights=("shapes",),
            seeds=(0,),
            size="tiny",
        ),
        report=Report(dpi=50, statistic="log_mean", point="poster", controls=True),
        **(given | sections),
    )


@dataclass(frozen=True)
class Made:
    """A page of planted results, and the figures beside it, drawn when they are asked for."""

    page: Page
    results: tuple[Results, ...]
    settings: Settings

    @property
    def html(self) -> str:
        return self.page.html

    @property
    def tables(self) -> Mapping[str, str]:
        return self.page.tables

    @cached_property
    def figures(self) -> dict[str, bytes]:
        return figures(self.results, self.settings)


def make_page(*parts: Results, sources: Sources = FIGURES, **sections: dict[str, Any]) -> Made:
    settings = make_settings(**sections)
    return Made(page(parts, settings, FACTS, sources), parts, settings)


def text(html: str) -> str:
    """The page without its scripts, pictures and tags, white space made one."""
    body = re.sub(r"<script.*?</script>", "", html[html.index("<body") :], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
