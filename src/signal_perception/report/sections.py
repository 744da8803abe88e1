"""What the page shows of one data set: its figures, drawn, and its rows."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from signal_perception.report import captions, depth, poster, rows, style
from signal_perception.report.noise_figures import noise_figure
from signal_perception.report.settings import Report
from signal_perception.report.spectral_figures import controls_figure, figure1
from signal_perception.report.tables import Results
from signal_perception.report.training_figure import curves_figure

_GRIDS = {"figure2": "Figure 2", "figure3": "Figure 3", "figure4": "Figure 4"}
# Pixels of the page for an inch of a figure, so that text has one size in all figures.
_PIXELS = 85
_NO_SPECTRA = pd.DataFrame(columns=["model"])


@dataclass(frozen=True)
class Picture:
    """A drawn figure. width: on the page, in CSS pixels. caption: the sentences under it."""

    file: str
    png: bytes
    width: int
    title: str
    caption: tuple[str, ...]

    @property
    def source(self) -> str:
        """The picture as a data URL, so that the page is one file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Accuracy:
    """Table 1 and its notes. missing: names of the models that were not run, as below."""

    rows: Sequence[rows.AccuracyRow]
    chance: str
    videos: str
    controls: Sequence[str]
    has_poster: bool
    missing: Sequence[str]


@dataclass(frozen=True)
class Spectra:
    """Figure 1, its controls and its numbers; a figure is None where it was not drawn."""

    figure1: Picture | None
    controls: Picture | None
    summaries: Sequence[depth.Summary]
    missing: Sequence[str]


@dataclass(frozen=True)
class NoiseGrid:
    """One noise figure of one model, and its panels as rows."""

    picture: Picture
    rows: Sequence[rows.NoiseRow]


@dataclass(frozen=True)
class Noise:
    """The noise figures of all models in turn."""

    grids: Sequence[NoiseGrid]
    missing: Sequence[str]


@dataclass(frozen=True)
class Section:
    """One data set's part of the page; curves and decoding are None where they were not run."""

    dataset: str
    name: str
    accuracy: Accuracy
    curves: Picture | None
    spectra: Spectra
    noise: Noise
    decoding: rows.Decoding | None

    @property
    def pictures(self) -> list[Picture]:
        """All figures of the section, in the order of the page."""
        single = [self.curves, self.spectra.figure1, self.spectra.controls]
        return [*filter(None, single), *(grid.picture for grid in self.noise.grids)]


def section(results: Results, report: Report) -> Section:
    """Draw the figures of one data set, and write its rows."""
    return Section(
        dataset=results.dataset,
        name=style.dataset_name(results.dataset),
        accuracy=_accuracy(results),
        curves=_curves(results, report),
        spectra=_spectra(results, report),
        noise=_noise(results, report),
        decoding=None if results.decode is None else rows.decoding(results.decode),
    )


def _accuracy(results: Results) -> Accuracy:
    metrics = list(results.accuracy.values())
    return Accuracy(
        rows=rows.accuracy_rows(results),
        chance=f"{metrics[0]['chance1']:.2f} / {metrics[0]['chance5']:.2f}" if metrics else "",
        videos=", ".join(
            _once(f"{m['total']} videos in {m['n_clusters']} clusters" for m in metrics)
        ),
        controls=_once(control for m in metrics for control in m["controls"]),
        has_poster=results.dataset in poster.TABLE1,
        missing=_missing(results.models, results.accuracy),
    )


def _curves(results: Results, report: Report) -> Picture | None:
    if not results.curves:
        return None
    return _picture(
        f"{results.dataset}-curves.png",
        curves_figure(results.curves, dpi=report.dpi),
        "Fine-tuning",
        captions.curves(results.curves),
    )


def _spectra(results: Results, report: Report) -> Spectra:
    tables = results.spectra.values()
    table = pd.concat(tables, ignore_index=True) if tables else _NO_SPECTRA
    return Spectra(
        figure1=_figure1(results.dataset, table, report) if len(table) else None,
        controls=_controls(results.dataset, table, report)
        if len(table) and report.controls
        else None,
        summaries=depth.summaries(table, point=report.point, statistic=report.statistic),
        missing=_missing(results.models, results.spectra),
    )


def _figure1(dataset: str, table: pd.DataFrame, report: Report) -> Picture:
    drawn = {"point": report.point, "statistic": report.statistic}
    reference = poster.figure1(dataset)
    return _picture(
        f"{dataset}-figure1.png",
        figure1(table, dataset, reference=reference, dpi=report.dpi, **drawn),
        "Figure 1. Temporal Fourier analysis along the depth",
        captions.figure1(table, reference=reference is not None, **drawn),
    )


def _controls(dataset: str, table: pd.DataFrame, report: Report) -> Picture:
    drawn = {"point": report.point, "statistic": report.statistic}
    return _picture(
        f"{dataset}-controls.png",
        controls_figure(table, dataset, dpi=report.dpi, **drawn),
        "Figure 1, controls",
        captions.controls(table),
    )


def _noise(results: Results, report: Report) -> Noise:
    grids = [
        _noise_grid(results.dataset, model, grid, table.loc[table["grid"] == grid], report.dpi)
        for model, table in results.noise.items()
        for grid in _once(table["grid"])
    ]
    return Noise(grids, _missing(results.models, results.noise))


def _noise_grid(dataset: str, model: str, grid: str, cells: pd.DataFrame, dpi: int) -> NoiseGrid:
    picture = _picture(
        f"{dataset}-{model}-{grid}.png",
        noise_figure(cells, model, grid, dpi=dpi),
        f"{_GRIDS[grid]}. {style.name(model)}",
        captions.noise(cells, dataset, model, grid),
    )
    return NoiseGrid(picture, rows.noise_rows(cells))


def _picture(file: str, figure: Figure, title: str, caption: Sequence[str]) -> Picture:
    width = round(_PIXELS * figure.get_figwidth())
    return Picture(file, style.png(figure), width, title, tuple(caption))


def _missing(models: Sequence[str], found: Mapping[str, object]) -> list[str]:
    return [style.name(model) for model in models if model not in found]


def _once(values: Iterable[str]) -> list[str]:
    """Each value once, in order of appearance."""
    return list(dict.fromkeys(values))
