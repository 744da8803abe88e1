"""What the page shows of one data set: its figures, drawn, and its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from signal_perception.report.captions import training_captions
from signal_perception.report.figures.pictures import Picture, picture
from signal_perception.report.figures.training_figure import curves_figure
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.findings.warnings import warnings
from signal_perception.report.page import rows
from signal_perception.report.page.accuracy_section import Accuracy, accuracy
from signal_perception.report.page.noise_section import Noise, noise
from signal_perception.report.page.spectral_section import Spectra, spectra
from signal_perception.report.page.transfer_section import Transfer, transfer
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


@dataclass(frozen=True)
class Section:
    """One data set's part of the page; curves and decoding are None where they were not run.

    warnings: sentences to be read first.
    """

    dataset: str
    name: str
    warnings: Sequence[str]
    accuracy: Accuracy
    curves: Picture | None
    spectra: Spectra
    transfer: Transfer
    noise: Noise
    decoding: rows.Decoding | None

    @property
    def pictures(self) -> list[Picture]:
        """All figures of the section, in the order of the page."""
        return [
            *self.accuracy.pictures,
            *([self.curves] if self.curves else []),
            *self.spectra.pictures.values(),
            *self.transfer.pictures.values(),
            *self.noise.drawn,
        ]


def section(results: Results, settings: Settings) -> Section:
    """Draw the figures of one data set, and write its rows."""
    bootstrap = Bootstrap(settings.seed, settings.noise["bootstrap"])
    scale, dpi = settings.noise["scale"], settings.report.dpi
    dataset: Mapping[str, Any] = settings.datasets.get(results.dataset, {})
    source = dataset.get("source", {})
    return Section(
        dataset=results.dataset,
        name=naming.dataset(results.dataset),
        warnings=warnings(results, dataset),
        accuracy=accuracy(results, source, bootstrap=bootstrap, dpi=dpi),
        curves=_curves(results, dpi),
        spectra=spectra(results, settings.report),
        transfer=transfer(results, settings),
        noise=noise(results, scale=scale, bootstrap=bootstrap, dpi=dpi),
        decoding=None if results.decode is None else rows.decoding(results.decode),
    )


def _curves(results: Results, dpi: int) -> Picture | None:
    if not results.curves:
        return None
    return picture(
        f"{results.dataset}-curves.png",
        partial(curves_figure, results.curves, dpi=dpi),
        "Fine-tuning",
        training_captions.curves(results.curves),
    )
