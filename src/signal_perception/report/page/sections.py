"""What the page shows of one data set: its figures, drawn, and its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from signal_perception.report.captions import training_captions
from signal_perception.report.figures.pictures import Picture, picture
from signal_perception.report.figures.training_figure import curves_figure
from signal_perception.report.findings import losses
from signal_perception.report.findings.finding import Finding
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.findings.warnings import warnings
from signal_perception.report.page import decoding_tables, origins, rows
from signal_perception.report.page.accuracy_section import Accuracy, accuracy
from signal_perception.report.page.embedded import address
from signal_perception.report.page.graphics import Graphics
from signal_perception.report.page.noise_section import Noise, noise
from signal_perception.report.page.sources import Sources
from signal_perception.report.page.spectral_section import Spectra, spectra
from signal_perception.report.page.table import Table
from signal_perception.report.page.transfer_section import Transfer, transfer
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings

_TOPICS = {
    "accuracy": "Accuracy",
    "motion": "Is it motion?",
    "filter": "Low-pass or high-pass?",
    "noise": "What noise breaks first",
    "poster": "What the poster says",
}


@dataclass(frozen=True)
class Section:
    """One data set's part of the page; decoding is None where it was not run.

    id: its address. warnings: sentences to be read first. findings: what follows from the numbers.
    pictures: all figures, in the order of the page. videos, weights: what the numbers rest on.
    """

    dataset: str
    name: str
    warnings: Sequence[str]
    findings: Sequence[Finding]
    accuracy: Accuracy
    spectra: Spectra
    transfer: Transfer
    noise: Noise
    decoding: rows.Decoding | None
    pictures: Sequence[Picture]
    graphics: Graphics
    videos: Table
    weights: Table

    @property
    def id(self) -> str:
        return address(self.dataset)

    @property
    def topics(self) -> dict[str, list[Finding]]:
        """Findings by what they are about, in the order in which they come."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(_TOPICS.get(finding.topic, finding.topic), []).append(finding)
        return found

    @property
    def places(self) -> set[str]:
        """Charts that have a place of their own in the section."""
        parts = (self.accuracy, self.spectra, self.transfer, self.noise)
        return {place for part in parts for place in part.places}

    @property
    def verdicts(self) -> Table | None:
        return self.decoding and decoding_tables.verdicts(self.decoding)

    @property
    def odd(self) -> Table | None:
        return self.decoding and decoding_tables.odd(self.decoding)


def section(results: Results, settings: Settings, sources: Sources, room: int) -> Section:
    """Draw the figures of one data set, and write its tables.

    room: bytes of PNG that it may hold.
    """
    bootstrap = Bootstrap(settings.seed, settings.noise["bootstrap"])
    scale, dpi = settings.noise["scale"], settings.report.dpi
    dataset: Mapping[str, Any] = settings.datasets.get(results.dataset, {})
    source = dataset.get("source", {})
    compared = losses.of(results, settings)
    parts = (
        accuracy(results, source, bootstrap=bootstrap, dpi=dpi),
        spectra(results, settings.report),
        transfer(results, settings),
        noise(results, compared, scale=scale, dpi=dpi),
    )
    pictures = [
        *parts[0].pictures,
        *_curves(results, dpi),
        *parts[1].pictures.values(),
        *parts[2].pictures.values(),
        *parts[3].drawn,
    ]
    charts = {part: made(results, settings, compared) for part, made in sources.charts.items()}
    return Section(
        results.dataset,
        naming.dataset(results.dataset),
        warnings(results, dataset),
        sources.findings(results, settings, compared),
        *parts,
        decoding=None if results.decode is None else rows.decoding(results.decode),
        pictures=pictures,
        graphics=Graphics(results.dataset, results.models, charts, pictures, room),
        videos=origins.videos(results),
        weights=origins.weights(results),
    )


def _curves(results: Results, dpi: int) -> list[Picture]:
    """The figure of training, where there is something to draw."""
    if not results.curves:
        return []
    figure = partial(curves_figure, results.curves, dpi=dpi)
    caption = training_captions.curves(results.curves)
    return [picture(f"{results.dataset}-curves.png", figure, "Fine-tuning", caption)]
