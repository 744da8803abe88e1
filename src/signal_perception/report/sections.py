"""What the page shows of one data set: its figures, drawn, and its rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from signal_perception.report import captions, poster, rows, style
from signal_perception.report.noise_figures import noise_figure
from signal_perception.report.pictures import Picture, picture
from signal_perception.report.settings import Report
from signal_perception.report.spectral_section import Spectra, spectra
from signal_perception.report.tables import Results
from signal_perception.report.training_figure import curves_figure

_GRIDS = {"figure2": "Figure 2", "figure3": "Figure 3", "figure4": "Figure 4"}


@dataclass(frozen=True)
class Accuracy:
    """Table 1, what its test clips consist of, and notes.

    missing: names of the models that were not run, as below.
    """

    sampling: Sequence[rows.SamplingRow]
    rows: Sequence[rows.AccuracyRow]
    chance: str
    videos: str
    controls: Sequence[str]
    has_poster: bool
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
        return [
            *([self.curves] if self.curves else []),
            *self.spectra.pictures.values(),
            *(grid.picture for grid in self.noise.grids),
        ]


def section(results: Results, report: Report) -> Section:
    """Draw the figures of one data set, and write its rows."""
    return Section(
        dataset=results.dataset,
        name=style.dataset_name(results.dataset),
        accuracy=_accuracy(results),
        curves=_curves(results, report),
        spectra=spectra(results, report),
        noise=_noise(results, report),
        decoding=None if results.decode is None else rows.decoding(results.decode),
    )


def _accuracy(results: Results) -> Accuracy:
    metrics = list(results.accuracy.values())
    return Accuracy(
        rows=rows.accuracy_rows(results),
        sampling=rows.sampling_rows(results),
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
    return picture(
        f"{results.dataset}-curves.png",
        curves_figure(results.curves, dpi=report.dpi),
        "Fine-tuning",
        captions.curves(results.curves),
    )


def _noise(results: Results, report: Report) -> Noise:
    grids = [
        _noise_grid(results.dataset, model, grid, table.loc[table["grid"] == grid], report.dpi)
        for model, table in results.noise.items()
        for grid in _once(table["grid"])
    ]
    return Noise(grids, _missing(results.models, results.noise))


def _noise_grid(dataset: str, model: str, grid: str, cells: pd.DataFrame, dpi: int) -> NoiseGrid:
    drawn = picture(
        f"{dataset}-{model}-{grid}.png",
        noise_figure(cells, model, grid, dpi=dpi),
        f"{_GRIDS[grid]}. {style.name(model)}",
        captions.noise(cells, dataset, model, grid),
    )
    return NoiseGrid(drawn, rows.noise_rows(cells))


def _missing(models: Sequence[str], found: Mapping[str, object]) -> list[str]:
    return [style.name(model) for model in models if model not in found]


def _once(values: Iterable[str]) -> list[str]:
    """Each value once, in order of appearance."""
    return list(dict.fromkeys(values))
