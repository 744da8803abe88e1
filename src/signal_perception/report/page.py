"""The report as one static HTML page, and its figures as PNG files: the same tables give the same bytes."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from signal_perception.report import captions, depth, poster, style, tables
from signal_perception.report.noise_figures import noise_figure
from signal_perception.report.spectral_figures import controls_figure, figure1
from signal_perception.report.tables import Results
from signal_perception.report.training_figure import curves_figure

_GRIDS = {"figure2": "Figure 2", "figure3": "Figure 3", "figure4": "Figure 4"}
_PIXELS = 85  # of the page for an inch of a figure, so that text has one size in all figures
_EMPTY = pd.DataFrame(columns=["model"])


@dataclass(frozen=True)
class Picture:
    """A drawn figure: file name, PNG bytes, width on the page (CSS pixels), title and the sentences under it."""

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
class NoiseGrid:
    """One noise figure of one model, and its panels as rows."""

    picture: Picture
    rows: Sequence[tables.NoiseRow]


@dataclass(frozen=True)
class Section:
    """Everything the page shows of one data set; None or empty what was not run."""

    dataset: str
    name: str
    accuracy: Sequence[tables.AccuracyRow]
    chance: str
    unscored: Sequence[str]
    controls: Sequence[str]
    has_poster: bool
    videos: str
    curves: Picture | None
    figure1: Picture | None
    controls_figure: Picture | None
    summaries: Sequence[depth.Summary]
    unheard: Sequence[str]
    noise: Mapping[str, Sequence[NoiseGrid]]
    undisturbed: Sequence[str]
    decoding: tables.Decoding | None

    @property
    def pictures(self) -> list[Picture]:
        """All figures of the section, in the order of the page."""
        single = [self.curves, self.figure1, self.controls_figure]
        return [p for p in single if p] + [grid.picture for grids in self.noise.values() for grid in grids]


@dataclass(frozen=True)
class Page:
    """The report: the page, and its figures as PNG bytes by file name."""

    html: str
    figures: Mapping[str, bytes]


def page(
    results: Sequence[Results],
    settings: Mapping[str, Mapping[str, object]],
    *,
    statistic: str,
    point: str,
    controls: bool,
    dpi: int,
) -> Page:
    """Draw every figure and write the page.

    Parameters
    ----------
    results: one entry per data set.
    settings: what was run, as a table: heading → key → value.
    statistic, point: what Figure 1 shows (`spectra.STATISTICS`, `spectra.POINTS`). controls: whether its controls are drawn.
    dpi: resolution of the figures.
    """
    sections = [_section(r, statistic, point, controls, dpi) for r in results]
    environment = Environment(
        loader=PackageLoader("signal_perception.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    html = environment.get_template("page.html.j2").render(
        sections=sections, settings=settings, statistic=statistic, point=point, name=style.name
    )
    return Page(html, {p.file: p.png for section in sections for p in section.pictures})


def _section(results: Results, statistic: str, point: str, controls: bool, dpi: int) -> Section:
    dataset = results.dataset
    reference = poster.figure1(dataset)
    spectra = pd.concat(results.spectra.values(), ignore_index=True) if results.spectra else _EMPTY
    metrics = list(results.accuracy.values())
    return Section(
        dataset=dataset,
        name=style.dataset_name(dataset),
        accuracy=tables.accuracy_rows(results),
        chance=f"{metrics[0]['chance1']:.2f} / {metrics[0]['chance5']:.2f}" if metrics else "",
        unscored=_missing(results.models, results.accuracy),
        controls=list(dict.fromkeys(control for m in metrics for control in m["controls"])),
        has_poster=dataset in poster.TABLE1,
        videos=", ".join(dict.fromkeys(f"{m['total']} videos in {m['n_clusters']} clusters" for m in metrics)),
        curves=_picture(f"{dataset}-curves.png", curves_figure(results.curves, dpi=dpi), "Fine-tuning", [])
        if results.curves
        else None,
        figure1=_picture(
            f"{dataset}-figure1.png",
            figure1(spectra, dataset, point=point, statistic=statistic, reference=reference, dpi=dpi),
            "Figure 1. Temporal Fourier analysis along the depth",
            captions.figure1(spectra, point=point, statistic=statistic, reference=reference is not None),
        )
        if len(spectra)
        else None,
        controls_figure=_picture(
            f"{dataset}-controls.png",
            controls_figure(spectra, dataset, point=point, statistic=statistic, dpi=dpi),
            "Figure 1, controls",
            captions.controls(spectra),
        )
        if controls and len(spectra)
        else None,
        summaries=depth.summaries(spectra, point=point, statistic=statistic),
        unheard=_missing(results.models, results.spectra),
        noise={m: _grids(dataset, m, table, dpi) for m, table in results.noise.items()},
        undisturbed=_missing(results.models, results.noise),
        decoding=None if results.decode is None else tables.decoding(results.decode),
    )


def _grids(dataset: str, model: str, table: pd.DataFrame, dpi: int) -> list[NoiseGrid]:
    grids = []
    for grid in table["grid"].drop_duplicates():
        part = table[table["grid"] == grid]
        picture = _picture(
            f"{dataset}-{model}-{grid}.png",
            noise_figure(part, model, grid, dpi=dpi),
            f"{_GRIDS[grid]}. {style.name(model)}",
            captions.noise(part, dataset, model, grid),
        )
        grids.append(NoiseGrid(picture, tables.noise_rows(part)))
    return grids


def _picture(file: str, figure: Figure, title: str, caption: Sequence[str]) -> Picture:
    return Picture(file, style.png(figure), round(_PIXELS * figure.get_figwidth()), title, tuple(caption))


def _missing(models: Sequence[str], found: Mapping[str, object]) -> list[str]:
    return [style.name(model) for model in models if model not in found]


def _number(value: float, digits: int = 2) -> str:
    """A number for a table: a proper minus sign, a dash where there is none."""
    return "–" if value != value else f"{value:.{digits}f}".replace("-", "−")
