"""What the page shows of one data set's spectra: figures, the numbers beside them, and findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from signal_perception.report.captions import spectral_captions
from signal_perception.report.figures import spatial_figures
from signal_perception.report.figures.comparison_figure import comparison_figure
from signal_perception.report.figures.controls_figure import controls_figure
from signal_perception.report.figures.discriminability_figure import (
    discriminability_figure,
    with_values,
)
from signal_perception.report.figures.figure1 import figure1
from signal_perception.report.figures.motion_figure import motion_figure
from signal_perception.report.figures.pictures import Picture, picture
from signal_perception.report.figures.response_figure import response_figure
from signal_perception.report.figures.spectrogram_figure import spectrogram_figure
from signal_perception.report.findings import motion, response, summaries
from signal_perception.report.page import spectral_tables
from signal_perception.report.page.table import Table
from signal_perception.report.results import depth, naming, poster
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Report


@dataclass(frozen=True)
class Spectra:
    """The spectral part of a section.

    pictures: name → figure, in the order of the page; a figure that has nothing to show is left
    out. answers, means, responses: tables. without: name of a figure → why a model is not in it, a
    sentence for each. missing: names of the models that were not run.
    """

    pictures: Mapping[str, Picture]
    motion: Sequence[motion.Motion]
    summaries: Sequence[summaries.Summary]
    answers: Table
    means: Table
    responses: Table
    without: Mapping[str, Sequence[str]]
    missing: Sequence[str]

    # Charts that have a place of their own in the section.
    places = (
        "motion",
        "figure1",
        "controls",
        "comparison",
        "hertz",
        "spectrogram",
        "response",
        "spatial",
        "spatial-depth",
        "discriminability",
    )


def spectra(results: Results, report: Report) -> Spectra:
    """Draw the spectral figures of one data set, and write their numbers."""
    models = [m for m in results.models if m in results.depth and m in results.spectra]
    depths = {model: results.depth[model] for model in models}
    bins = {model: results.spectra[model] for model in models}
    drawing = _Drawing(results.dataset, depths, bins, report)
    answers = motion.answers(depths, drawing.reading)
    means = summaries.summaries(depths, drawing.reading)
    return Spectra(
        pictures=drawing.pictures(),
        motion=answers,
        summaries=means,
        answers=spectral_tables.answers(answers),
        means=spectral_tables.means(means),
        responses=spectral_tables.responses(response.responses(bins, drawing.reading)),
        without=drawing.without(),
        missing=[naming.model(model) for model in results.models if model not in models],
    )


@dataclass(frozen=True)
class _Drawing:
    """The spectral figures of one data set.

    depths, bins: model → table per tap and per bin, of the models that have both.
    """

    dataset: str
    depths: Tables
    bins: Tables
    report: Report

    @property
    def reading(self) -> Reading:
        return Reading(self.report.point, self.report.statistic)

    def pictures(self) -> dict[str, Picture]:
        if not self.depths:
            return {}
        drawn = {
            "motion": self._motion(),
            "figure1": self._figure1(),
            "controls": self._controls(),
            "comparison": self._comparison(),
            "spectrogram": self._spectrogram(),
            "response": self._response(),
            **self._spatial(),
            "discriminability": self._discriminability(),
        }
        return {name: found for name, found in drawn.items() if found is not None}

    def without(self) -> dict[str, list[str]]:
        """Why models are not in a figure."""
        static = {
            model: "no static control was extracted (extract.controls), so whether its curve is "
            "motion stays open"
            for model, table in self.depths.items()
            if not depth.has_static(table)
        }
        classes = with_values(self.bins)
        reasons = {
            "motion": static,
            "response": response.without(self.bins, self.reading),
            "spatial": spatial_figures.without(self.bins, "spatial"),
            "spatiotemporal": spatial_figures.without(self.bins, "spatiotemporal"),
            "discriminability": {
                model: "fewer than two classes, or a class with a single video"
                for model in self.bins
                if model not in classes
            },
        }
        return {name: sentences(found) for name, found in reasons.items()}

    def _motion(self) -> Picture | None:
        tables = {m: table for m, table in self.depths.items() if depth.has_static(table)}
        if not tables:
            return None
        return self._picture(
            "motion",
            partial(motion_figure, tables, self.reading, dpi=self.report.dpi),
            "Is it motion? Clip minus static control along the depth",
            spectral_captions.motion(tables, self.reading),
        )

    def _figure1(self) -> Picture:
        reference = poster.figure1(self.dataset)
        return self._picture(
            "figure1",
            partial(figure1, self.depths, self.reading, reference, dpi=self.report.dpi),
            "Figure 1. Temporal Fourier analysis along the depth",
            spectral_captions.figure1(self.depths, self.reading, reference=reference is not None),
        )

    def _controls(self) -> Picture | None:
        if not self.report.controls:
            return None
        return self._picture(
            "controls",
            partial(controls_figure, self.depths, self.reading, dpi=self.report.dpi),
            "Figure 1, controls",
            spectral_captions.controls(self.depths, self.reading),
        )

    def _comparison(self) -> Picture:
        return self._picture(
            "comparison",
            partial(comparison_figure, self.depths, self.bins, self.reading, dpi=self.report.dpi),
            "Models compared: Δ, free of T′, at one ω, and in Hz",
            spectral_captions.comparison(self.depths, self.reading),
        )

    def _spectrogram(self) -> Picture:
        statistic = self.reading.statistic
        return self._picture(
            "spectrogram",
            partial(spectrogram_figure, self.bins, statistic, dpi=self.report.dpi),
            "Depth × frequency",
            spectral_captions.spectrogram(self.bins, statistic),
        )

    def _response(self) -> Picture | None:
        if not response.responses(self.bins, self.reading):
            return None
        return self._picture(
            "response",
            partial(response_figure, self.bins, self.reading, dpi=self.report.dpi),
            "Block response along the depth",
            spectral_captions.response(self.bins, self.reading),
        )

    def _spatial(self) -> dict[str, Picture]:
        """Both figures over space; none where no model has maps that are large enough."""
        tables = self.bins
        if len(spatial_figures.without(tables, "spatial")) == len(tables):
            return {}
        statistic = self.reading.statistic
        return {
            "spatial": self._picture(
                "spatial",
                partial(spatial_figures.spatial_figure, tables, statistic, dpi=self.report.dpi),
                "Spatial spectra along the diagonal",
                spectral_captions.spatial(tables, statistic),
            ),
            "spatial_depth": self._picture(
                "spatial-depth",
                partial(
                    spatial_figures.spatial_depth_figure, tables, statistic, dpi=self.report.dpi
                ),
                "Spatial and spatiotemporal spectra along the depth",
                spectral_captions.spatial_depth(tables, statistic),
            ),
        }

    def _discriminability(self) -> Picture | None:
        if not with_values(self.bins):
            return None
        return self._picture(
            "discriminability",
            partial(discriminability_figure, self.bins, dpi=self.report.dpi),
            "Which frequencies tell the classes apart",
            spectral_captions.discriminability(self.bins),
        )

    def _picture(
        self, name: str, figure: Callable[[], Figure], title: str, caption: Sequence[str]
    ) -> Picture:
        return picture(f"{self.dataset}-{name}.png", figure, title, caption)


def sentences(reasons: Mapping[str, str]) -> list[str]:
    """For example "Swin, I3D: no two neighbouring taps have this bin."."""
    models: dict[str, list[str]] = {}
    for model, reason in reasons.items():
        models.setdefault(reason, []).append(naming.model(model))
    return [f"{', '.join(names)}: {reason}." for reason, names in models.items()]
