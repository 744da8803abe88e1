"""The page's part on noise: its figures, drawn, and the rows of its tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from signal_perception.report.captions import noise_captions
from signal_perception.report.figures.heatmap_figure import heatmap_figure
from signal_perception.report.figures.kappa_figure import kappa_figure
from signal_perception.report.figures.models_figure import models_figure
from signal_perception.report.figures.noise_spectra_figure import noise_spectra_figure
from signal_perception.report.figures.pictures import Picture, picture
from signal_perception.report.figures.retention_figure import middle_slice, retention_figure
from signal_perception.report.figures.surface_figure import has_surfaces, surface_figure
from signal_perception.report.findings import contrasts, kappa, losses, noise_spectra
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.page import rows
from signal_perception.report.results import naming, noise_cells, poster, runs
from signal_perception.report.results.tables import Results


@dataclass(frozen=True)
class NoiseGrid:
    """One grid of one model: every cell, the same as surfaces if it has any, its panels as rows."""

    cells: Picture
    surfaces: Picture | None
    rows: Sequence[rows.NoiseRow]


@dataclass(frozen=True)
class Noise:
    """The part on noise of a section.

    findings, top1, top5: contrasts in words and as rows; training: what their intervals say of it.
    pictures: name → figure over all models,
    in the order of the page; one that has nothing to show is left out. spectra: a figure per grid
    under which taps were listened to. grids: the figures of each model in turn. missing: names of
    the models that were not run.
    """

    findings: Sequence[contrasts.Findings]
    top1: Sequence[contrasts.Contrast]
    top5: Sequence[contrasts.Contrast]
    training: str
    losses: losses.Comparison
    about_losses: Sequence[str]
    curves: Sequence[kappa.Curve]
    pictures: Mapping[str, Picture]
    effects: Sequence[noise_spectra.Effect]
    effects_in_words: Sequence[str]
    spectra: Sequence[Picture]
    grids: Sequence[NoiseGrid]
    missing: Sequence[str]

    @property
    def drawn(self) -> list[Picture]:
        """All figures, in the order of the page."""
        grids = [p for grid in self.grids for p in (grid.cells, grid.surfaces) if p is not None]
        return [*self.pictures.values(), *self.spectra, *grids]


def noise(results: Results, *, scale: str, bootstrap: Bootstrap, dpi: int) -> Noise:
    """Draw the figures of noise of one data set, and write its rows.

    scale: of σ, as the parameters have it. bootstrap: behind the comparison of models.
    """
    # a model without cells whose taps changed has a table without rows
    heard = {model: table for model, table in results.noise_spectra.items() if len(table)}
    views = {model: metrics["views"] for model, metrics in results.accuracy.items()}
    drawing = _Drawing(results.dataset, results.noise, heard, views, dpi)
    effects = noise_spectra.effects(heard)
    compared = losses.comparison(results.robustness, results.noise, bootstrap)
    return Noise(
        findings=contrasts.findings(results.contrasts),
        top1=contrasts.contrasts(results.contrasts, 1),
        top5=contrasts.contrasts(results.contrasts, 5),
        training=runs.in_words(runs.numbers(results.contrasts), "intervals"),
        losses=compared,
        about_losses=noise_captions.losses(compared, scale),
        curves=drawing.curves,
        pictures=drawing.pictures(),
        effects=effects,
        effects_in_words=noise_spectra.findings(effects),
        spectra=drawing.spectra(),
        grids=drawing.grids(results.robustness),
        missing=[naming.model(model) for model in results.models if model not in results.noise],
    )


@dataclass(frozen=True)
class _Drawing:
    """The figures of noise of one data set.

    tables: model → cells of all grids. heard: model → a row per panel and tap. views: model → views
    of a video that its accuracy rests on.
    """

    dataset: str
    tables: Mapping[str, pd.DataFrame]
    heard: Mapping[str, pd.DataFrame]
    views: Mapping[str, int]
    dpi: int

    @property
    def curves(self) -> list[kappa.Curve]:
        return kappa.curves(self.tables)

    @property
    def _with_surfaces(self) -> str:
        """The poster's model, or the first one where that was not run."""
        return poster.NOISE_MODEL if poster.NOISE_MODEL in self.tables else next(iter(self.tables))

    def pictures(self) -> dict[str, Picture]:
        drawn = {
            "models": self._models(),
            "retention": self._retention(),
            "kappa": self._kappa(),
        }
        return {name: found for name, found in drawn.items() if found is not None}

    def spectra(self) -> list[Picture]:
        return [
            self._picture(
                f"noise-spectra-{grid}",
                partial(noise_spectra_figure, self.heard, grid, dpi=self.dpi),
                f"Noise and spectrum. Cells of {noise_cells.grid_title(grid)}",
                noise_captions.spectra(self.heard, grid),
            )
            for grid in noise_spectra.grids(self.heard)
        ]

    def grids(self, robustness: Mapping[str, Sequence[pd.DataFrame]]) -> list[NoiseGrid]:
        return [
            self._grid(model, grid, table.loc[table["grid"] == grid], len(robustness[model][0]))
            for model, table in self.tables.items()
            for grid in dict.fromkeys(table["grid"])
        ]

    def _grid(self, model: str, grid: str, cells: pd.DataFrame, videos: int) -> NoiseGrid:
        name, title = f"{model}-{grid}", noise_cells.heading(cells, model, grid)
        drawn = self._picture(
            name,
            partial(heatmap_figure, cells, model, grid, videos=videos, dpi=self.dpi),
            title,
            noise_captions.cells(
                cells, self.dataset, model, grid, videos=videos, views=self.views.get(model)
            ),
        )
        surfaces = None
        # of one model: a surface hides numbers that the map has
        if model == self._with_surfaces and has_surfaces(cells):
            surfaces = self._picture(
                f"{name}-surfaces",
                partial(surface_figure, cells, model, grid, dpi=self.dpi),
                f"{title}, as surfaces",
                noise_captions.surfaces(cells),
            )
        return NoiseGrid(drawn, surfaces, rows.noise_rows(cells))

    def _models(self) -> Picture | None:
        if not self.tables:
            return None
        return self._picture(
            "models",
            partial(models_figure, self.tables, dpi=self.dpi),
            "All models side by side",
            noise_captions.models(self.tables),
        )

    def _retention(self) -> Picture | None:
        cut = middle_slice(self.tables)
        if cut is None:
            return None
        return self._picture(
            "retention",
            partial(retention_figure, cut, dpi=self.dpi),
            "Retention by third",
            noise_captions.retention(cut),
        )

    def _kappa(self) -> Picture | None:
        if not self.curves:
            return None
        return self._picture(
            "kappa",
            partial(kappa_figure, self.curves, dpi=self.dpi),
            "Accuracy against κ",
            noise_captions.kappa(self.curves),
        )

    def _picture(
        self, name: str, figure: Callable[[], Figure], title: str, caption: Sequence[str]
    ) -> Picture:
        return picture(f"{self.dataset}-{name}.png", figure, title, caption)
