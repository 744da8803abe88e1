"""The page's tables on noise, with the numbers behind their cells."""

from collections.abc import Sequence

from signal_perception.report.findings import contrasts, kappa, losses, noise_spectra
from signal_perception.report.page import rows
from signal_perception.report.page.table import (
    Cell,
    Column,
    Row,
    Table,
    between,
    chance_of,
    count,
    names,
    numbers,
    numeral,
    text,
)
from signal_perception.report.results import naming, noise_cells, rounding


def compared(found: Sequence[contrasts.Contrast], k: int) -> Table:
    """Contrasts of top-k."""
    columns = [
        *names("model", "grid", "first − second"),
        *numbers("cells", "difference, points", "p, Holm", "κ of both"),
        *names("loses more"),
    ]
    made = [
        Row(
            [
                text(row.model),
                text(f"{row.grid}, {row.kind}" if row.kind else row.grid),
                text(f"{row.first} − {row.second}"),
                count(row.cells),
                between(row.difference, row.low, row.high),
                chance_of(row.p_holm),
                Cell(", ".join(rounding.number(kappa, 2) for kappa in row.kappas)),
                text(row.weaker),
            ]
        )
        for row in found
    ]
    return Table("contrasts" if k == 1 else f"contrasts{k}", f"Contrasts of top-{k}", columns, made)


def curves(found: Sequence[kappa.Curve]) -> Table:
    """How far cells lie on one curve of κ."""
    columns = [
        *names("model"),
        *numbers("cells", "variance that κ explains (R²)", "cells whose interval holds the curve"),
        *names("mean residual, points"),
    ]
    made = [
        Row(
            [
                text(naming.model(curve.model)),
                count(len(curve.cells)),
                numeral(curve.explained),
                count(curve.held),
                text(
                    ", ".join(
                        f"{noise_cells.plain(title)} {rounding.number(value, 1)}"
                        for title, value in curve.residuals.items()
                    )
                ),
            ]
        )
        for curve in found
    ]
    return Table("curves-of-kappa", "One curve of κ", columns, made)


def models(found: Sequence[losses.Loss]) -> Table:
    """Models against each other."""
    columns = [
        *names("grid", "model"),
        *numbers("clean, %", "lost, points", "mean κ", "videos"),
        Column("models that lose more", "text wrap"),
        Column("models that lose less", "text wrap"),
    ]
    made = [
        Row(
            [
                text(noise_cells.grid_title(row.grid)),
                text(row.model),
                numeral(row.clean, 1),
                between(row.loss, row.low, row.high),
                numeral(row.kappa),
                count(row.n_videos),
                text(", ".join(row.more)),
                text(", ".join(row.less)),
            ]
        )
        for row in found
    ]
    return Table("losses", "What models lose", columns, made)


def pairs(found: Sequence[losses.Pair]) -> Table:
    """All pairs of models."""
    columns = [
        *names("grid", "first − second"),
        *numbers("difference of loss, points", "p, Holm", "videos", "clusters"),
        *names("loses more"),
    ]
    made = [
        Row(
            [
                text(noise_cells.grid_title(row.grid)),
                text(f"{row.first} − {row.second}"),
                between(row.difference, row.low, row.high),
                chance_of(row.p_holm),
                count(row.n_videos),
                count(row.n_clusters),
                text(row.weaker),
            ]
        )
        for row in found
    ]
    return Table("pairs-of-losses", "What models lose, pair by pair", columns, made)


def effects(found: Sequence[noise_spectra.Effect]) -> Table:
    """Taps at which noise changes the spectrum."""
    columns = [
        *names("model", "grid", "panel"),
        *numbers("Δ rises", "falls", "not significant", "before the noise", "without value"),
        *numbers("median of noise − clean"),
    ]
    made = [
        Row(
            [
                text(row.model),
                text(row.grid),
                text(row.panel),
                *map(count, (row.counts.more, row.counts.less, row.counts.same)),
                count(row.before),
                count(row.missing),
                numeral(row.median, 3),
            ]
        )
        for row in found
    ]
    return Table("effects", "Taps at which noise changes the spectrum", columns, made)


def cells(name: str, title: str, found: Sequence[rows.NoiseRow]) -> Table:
    """The panels of one grid of one model."""
    columns = [
        *names("panel"),
        *numbers("layers", "κ", "top-1, %", "top-5, %"),
        *names("weakest cell"),
        *numbers("retention there"),
    ]
    made = [
        Row(
            [
                text(row.panel),
                *map(Cell, (row.layers, row.kappa, row.top1, row.top5)),
                text(row.weakest),
                Cell(row.retention),
            ]
        )
        for row in found
    ]
    return Table(name, title, columns, made)
