"""Which third of a model breaks first: front, middle and rear of every model side by side.

Nothing is tested here: the contrasts of the stage noise are, with Holm's correction over all of a
model's contrasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from signal_perception.report.results import noise_cells, rounding
from signal_perception.report.results.noise_cells import THIRDS
from signal_perception.report.results.remembered import remembered
from signal_perception.report.results.tables import Results

# Significance level after Holm's correction.
_LEVEL = 0.05
_SCORE = ("top1_mean", "top1_low", "top1_high")
NO_DIFFERENCE = "no difference shown"


@dataclass(frozen=True)
class Mean:
    """Mean top-1 over the cells of a third, percent.

    Its interval has the mean bounds of the cells: they share videos and draws, so it is at least as
    wide as that of their mean.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Contrast:
    """Points of top-1, first − second: below 0 the first loses more."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_holm: float

    @property
    def weaker(self) -> str:
        """The third that loses more; empty where that is not significant."""
        if not self.p_holm < _LEVEL:
            return ""
        return self.first if self.difference < 0 else self.second

    @property
    def stronger(self) -> str:
        """The other one of these."""
        return {self.first: self.second, self.second: self.first}.get(self.weaker, "")


@dataclass(frozen=True)
class Thirds:
    """One model in one grid. cells: of a third. means: by third. clean, kappas: for comparison.

    kappas: third → mean κ of its cells; thirds with other κ are not disturbed alike.
    """

    model: str
    grid: str
    kind: str
    cells: int
    clean: float
    means: Mapping[str, Mean]
    kappas: Mapping[str, float]
    contrasts: tuple[Contrast, ...]

    @property
    def weakest(self) -> str:
        """The third that loses significantly more than both others; empty where none does."""
        found = [t for t in THIRDS if all(each.weaker == t for each in self.of(t))]
        return found[0] if found else ""

    @property
    def strongest(self) -> str:
        """The third that loses significantly less than both others; empty where none does."""
        found = [t for t in THIRDS if all(each.weaker not in ("", t) for each in self.of(t))]
        return found[0] if found else ""

    @property
    def verdict(self) -> str:
        """For example "middle first (p = 0.003), rear last (p = 0.012)"."""
        if not self.clauses:
            return NO_DIFFERENCE
        return ", ".join(f"{what} ({rounding.p(p)})" for what, p in self.clauses)

    @property
    def clauses(self) -> list[tuple[str, float]]:
        """What is significant, with p: of two contrasts, the larger."""
        ends = ((self.weakest, "first"), (self.strongest, "last"))
        said = [
            (f"{third} {place}", max(each.p_holm for each in self.of(third)))
            for third, place in ends
            if third
        ]
        return said or [
            (f"{each.weaker} before {each.stronger}", each.p_holm)
            for each in self.contrasts
            if each.weaker
        ]

    def of(self, third: str) -> list[Contrast]:
        """Both contrasts of a third."""
        return [each for each in self.contrasts if third in (each.first, each.second)]


@remembered
def thirds(results: Results) -> list[Thirds]:
    """One entry per model and grid whose panels are the three thirds; not of the worst case."""
    found = []
    for model, cells in results.noise.items():
        contrasts = results.contrasts.get(model)
        cells = noise_cells.without_worst_case(cells)
        for grid, kind in cells.loc[:, ["grid", "kind"]].drop_duplicates().to_numpy():
            inside = cells.loc[(cells["grid"] == grid) & (cells["kind"] == kind)]
            tested = _contrasts(contrasts, grid, kind)
            if set(inside["panel"]) == set(THIRDS) and len(tested) == 3:
                found.append(_thirds(model, grid, kind, inside, tested))
    return found


def table(results: Results) -> pd.DataFrame:
    """The same as a tidy table, a row per model and grid: percent, points, p after Holm."""
    return pd.DataFrame([_record(results.dataset, each) for each in thirds(results)])


def _contrasts(table: pd.DataFrame | None, grid: str, kind: str) -> tuple[Contrast, ...]:
    """Those of top-1 between thirds, in the order front − middle, middle − rear, front − rear."""
    if table is None:
        return ()
    inside = table.loc[(table["grid"] == grid) & (table["kind"] == kind) & (table["k"] == 1)]
    inside = inside.loc[inside["first"].isin(THIRDS) & inside["second"].isin(THIRDS)]
    names = ["first", "second", "difference", "low", "high", "p_holm"]
    return tuple(Contrast(*row) for row in inside.loc[:, names].itertuples(index=False))


def _thirds(
    model: str, grid: str, kind: str, cells: pd.DataFrame, tested: tuple[Contrast, ...]
) -> Thirds:
    parts = {third: noise_cells.distinct(cells.loc[cells["panel"] == third]) for third in THIRDS}
    return Thirds(
        model=model,
        grid=grid,
        kind=kind,
        cells=max(len(part) for part in parts.values()),
        clean=float(cells["clean_top1"].iloc[0]),
        means={
            third: Mean(*(float(noise_cells.column(part, name).mean()) for name in _SCORE))
            for third, part in parts.items()
        },
        kappas={
            third: float(noise_cells.column(part, "kappa").mean()) for third, part in parts.items()
        },
        contrasts=tested,
    )


def _record(dataset: str, each: Thirds) -> dict[str, object]:
    record: dict[str, object] = {
        "dataset": dataset,
        "model": each.model,
        "grid": each.grid,
        "kind": each.kind,
        "cells": each.cells,
        "clean_top1": each.clean,
    }
    for third, mean in each.means.items():
        record |= {third: mean.value, f"{third}_low": mean.low, f"{third}_high": mean.high}
        record[f"{third}_kappa"] = each.kappas[third]
    by_pair = {(found.first, found.second): found for found in each.contrasts}
    for first, second in combinations(THIRDS, 2):
        found = by_pair[first, second]
        record |= {
            f"{first}_{second}": found.difference,
            f"{first}_{second}_low": found.low,
            f"{first}_{second}_high": found.high,
            f"{first}_{second}_p_holm": found.p_holm,
        }
    return record | {
        "weakest": each.weakest,
        "strongest": each.strongest,
        "verdict": each.verdict,
    }
