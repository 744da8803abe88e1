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
from signal_perception.report.page import noise_tables, rows
from signal_perception.report.page.table import Table
from signal_perception.report.results import naming, noise_cells, poster, runs
from signal_perception.report.results.tables import Results


@dataclass(frozen=True)
class ModelCells:
    """One grid of one model: its panels as a table.

    cells, surfaces: the figure of every cell, and the same as surfaces if it has any.
    """

    model: str
    table: Table
    cells: Picture
    surfaces_picture: Picture | None
    name: str

    @property
    def surfaces(self) -> str:
        """Name of the figure of surfaces; empty where there is none."""
        return f"{self.name}-surfaces" if self.surfaces_picture else ""


@dataclass(frozen=True)
class Grid:
    """One grid of all models that have it."""

    name: str
    title: str
    models: Sequence[ModelCells]


@dataclass(frozen=True)
class Noise:
    """The part on noise of a section.

    findings: contrasts in words; training: what their intervals say of it. pictures: name → figure
    over all models, in the order of the page; one that has nothing to show is left out. spectra:
    names of the figures of grids under which taps were listened to. by_grid: the figures of each
    model in turn. missing: names of the models that were not run. drawn: all figures, in the order
    of the page.
    """

    findings: Sequence[contrasts.Findings]
    top1_table: Table
    top5_table: Table
    training: str
    losses: losses.Comparison
    losses_table: Table
    pairs_table: Table
    about_losses: Sequence[str]
    curves: Sequence[kappa.Curve]
    curves_table: Table
    pictures: Mapping[str, Picture]
    effects: Sequence[noise_spectra.Effect]
    effects_table: Table
    effects_in_words: Sequence[str]
    spectra: Sequence[str]
    by_grid: Sequence[Grid]
    missing: Sequence[str]
    drawn: Sequence[Picture]

    @property
    def places(self) -> tuple[str, ...]:
        """Charts that have a place of their own in the section."""
        grids = (f"{grid.name}{end}" for grid in self.by_grid for end in ("", "-lines"))
        return (*_PLACES, *grids, *self.spectra)


_PLACES = (
    "thirds",
    "models",
    "retention",
    "kappa",
    "contrasts",
    "losses",
    "loss-pairs",
    "noise-spectra",
)


def noise(results: Results, compared: losses.Comparison, *, scale: str, dpi: int) -> Noise:
    """Draw the figures of noise of one data set, and write its tables.

    compared: the models against each other. scale: of σ, as the parameters have it.
    """
    # a model without cells whose taps changed has a table without rows
    heard = {model: table for model, table in results.noise_spectra.items() if len(table)}
    views = {model: metrics["views"] for model, metrics in results.accuracy.items()}
    drawing = _Drawing(results.dataset, results.noise, heard, views, dpi)
    effects = noise_spectra.effects(heard)
    curves = drawing.curves
    pictures, spectra = drawing.pictures(curves), drawing.spectra()
    grids = drawing.grids(results.robustness)
    cells = [p for g in grids for m in g.models for p in (m.cells, m.surfaces_picture) if p]
    return Noise(
        findings=contrasts.findings(results.contrasts),
        top1_table=noise_tables.compared(contrasts.contrasts(results.contrasts, 1), 1),
        top5_table=noise_tables.compared(contrasts.contrasts(results.contrasts, 5), 5),
        training=runs.in_words(runs.numbers(results.contrasts), "intervals"),
        losses=compared,
        losses_table=noise_tables.models(compared.losses),
        pairs_table=noise_tables.pairs(compared.pairs),
        about_losses=noise_captions.losses(compared, scale),
        curves=curves,
        curves_table=noise_tables.curves(curves),
        pictures=pictures,
        effects=effects,
        effects_table=noise_tables.effects(effects),
        effects_in_words=noise_spectra.findings(effects),
        spectra=list(spectra),
        by_grid=grids,
        missing=[naming.model(model) for model in results.models if model not in results.noise],
        drawn=[*pictures.values(), *spectra.values(), *cells],
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

    def pictures(self, curves: Sequence[kappa.Curve]) -> dict[str, Picture]:
        drawn = {
            "models": self._models(),
            "retention": self._retention(),
            "kappa": self._kappa(curves),
        }
        return {name: found for name, found in drawn.items() if found is not None}

    def spectra(self) -> dict[str, Picture]:
        return {
            f"noise-spectra-{grid}": self._picture(
                f"noise-spectra-{grid}",
                partial(noise_spectra_figure, self.heard, grid, dpi=self.dpi),
                f"Noise and spectrum. Cells of {noise_cells.grid_title(grid)}",
                noise_captions.spectra(self.heard, grid),
            )
            for grid in noise_spectra.grids(self.heard)
        }

    def grids(self, robustness: Mapping[str, Sequence[pd.DataFrame]]) -> list[Grid]:
        names = dict.fromkeys(grid for table in self.tables.values() for grid in table["grid"])
        return [
            Grid(
                grid,
                noise_cells.grid_title(grid),
                [
                    self._grid(model, grid, cells, len(robustness[model][0]))
                    for model, table in self.tables.items()
                    if len(cells := table.loc[table["grid"] == grid])
                ],
            )
            for grid in names
        ]

    def _grid(self, model: str, grid: str, cells: pd.DataFrame, videos: int) -> ModelCells:
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
        table = noise_tables.cells(f"cells-{name}", title, rows.noise_rows(cells))
        return ModelCells(naming.model(model), table, drawn, surfaces, name)

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

    def _kappa(self, curves: Sequence[kappa.Curve]) -> Picture | None:
        if not curves:
            return None
        return self._picture(
            "kappa",
            partial(kappa_figure, curves, dpi=self.dpi),
            "Accuracy against κ",
            noise_captions.kappa(curves),
        )

    def _picture(
        self, name: str, figure: Callable[[], Figure], title: str, caption: Sequence[str]
    ) -> Picture:
        return picture(f"{self.dataset}-{name}.png", figure, title, caption)
