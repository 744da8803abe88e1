"""What noise does to the temporal spectrum: Δ at each tap under noise less that of the clean model.

Noise that is white in time lifts Δ towards 0 (whitens the spectrum); a fall of Δ means that less of
what is left is fast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signal_perception.report.findings import motion
from signal_perception.report.findings.motion import Counts
from signal_perception.report.results import depth, naming, noise_cells


@dataclass(frozen=True)
class Effect:
    """One panel of a grid of one model: taps at which noise raises Δ, lowers it, or does neither.

    before: taps that lie before all noise, at which nothing can differ. missing: taps without a
    value. median: of the difference, over the taps that noise reaches; NaN where none is.
    """

    model: str
    grid: str
    panel: str
    counts: Counts
    before: int
    missing: int
    median: float

    @property
    def direction(self) -> str:
        """ "raises" or "lowers": what more than half of the reached taps show, else empty."""
        if 2 * self.counts.more > self.counts.total:
            return "raises"
        return "lowers" if 2 * self.counts.less > self.counts.total else ""


def grids(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The grids under whose cells taps were listened to."""
    return list(dict.fromkeys(grid for table in tables.values() for grid in table["grid"]))


def panels(table: pd.DataFrame, grid: str) -> dict[str, pd.DataFrame]:
    """Title of a panel → its taps in order, as lines along the depth need them.

    Columns x (normalised depth), value, low and high (of the difference), and those of the table.
    """
    inside = table.loc[table["grid"] == grid]
    names = noise_cells.titles(inside["panel"])
    return {title: _taps(inside.loc[inside["panel"] == panel]) for panel, title in names.items()}


def effects(tables: Mapping[str, pd.DataFrame]) -> list[Effect]:
    """One `Effect` per model, grid and panel. tables: model → a row per panel and tap."""
    return [
        _effect(model, grid, title, taps)
        for model, table in tables.items()
        for grid in grids({model: table})
        for title, taps in panels(table, grid).items()
    ]


def findings(effects: Sequence[Effect]) -> list[str]:
    """A sentence per model, by this rule.

    Of the taps that a panel's noise reaches, Δ rises or falls at those where the difference is
    significant after Holm. Noise whitens the spectrum where Δ rises at more than half of them, and
    lowers Δ where it falls at more than half.
    """
    models: dict[str, list[str]] = {}
    for effect in effects:
        models.setdefault(effect.model, []).append(_clause(effect))
    return [f"{model}: {'; '.join(clauses)}." for model, clauses in models.items()]


def _taps(rows: pd.DataFrame) -> pd.DataFrame:
    count = len(rows)
    x = np.arange(count) / max(count - 1, 1)
    return rows.assign(x=x, value=rows["difference"]).reset_index(drop=True)


def _effect(model: str, grid: str, title: str, taps: pd.DataFrame) -> Effect:
    # exactly nothing: the model computes as if clean up to the first disturbed block
    before = (taps.loc[:, ["value", "low", "high"]].to_numpy(np.float64) == 0).all(axis=1)
    reached = taps.loc[~before]
    return Effect(
        model=naming.model(model),
        grid=noise_cells.grid_title(grid),
        panel=noise_cells.plain(title),
        counts=motion.count(reached),
        before=int(before.sum()),
        missing=len(taps) - len(depth.numbers(taps, "value")),
        median=depth.median(reached),
    )


def _clause(effect: Effect) -> str:
    counts, start = effect.counts, f"noise in {noise_cells.in_words(effect.panel)}"
    if not counts.total:
        return f"{start} reaches no tap"
    if effect.direction == "raises":
        return f"{start} whitens the spectrum (Δ rises at {counts.more} of {counts.total} taps)"
    if effect.direction == "lowers":
        return f"{start} lowers Δ at {counts.less} of {counts.total} taps"
    if not counts.more and not counts.less:
        return f"{start} changes Δ at none of {counts.total} taps significantly"
    return (
        f"{start} raises Δ at {counts.more} and lowers it at {counts.less} of {counts.total} taps: "
        "no change of one sign"
    )
