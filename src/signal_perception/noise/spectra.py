"""Noise → spectrum: how Δ at the poster's bin changes at every tap under noise, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.fourier.definitions import calibrated_epsilon, omega, representative
from signal_perception.noise.definitions import Cell
from signal_perception.noise.grid import Place, described
from signal_perception.noise.listening import CLEAN, Heard
from signal_perception.noise.outcomes import Outcomes
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.comparison import hierarchical_p_value, holm
from signal_perception.statistics.intervals import Resamples, hierarchical_interval

COLUMNS = (
    *("dataset", "model", "grid", "panel", "component", "pool", "kind"),
    *("sigma", "gamma", "rho", "layers", "pool_layers", "kappa"),
    *("tap", "tap_kind", "block", "tokens", "omega"),
    *("clean", "delta", "difference", "low", "high", "p", "p_holm", "reason"),
    *("repeats", "n_videos", "n_clusters"),
)


@dataclass(frozen=True)
class Taps:
    """Name, kind, block and T′ of each tap."""

    names: Sequence[str]
    kinds: Sequence[str]
    blocks: Sequence[int]
    tokens: Sequence[int]


@dataclass(frozen=True)
class Deltas:
    """Δ (log_mean, the poster's bin).

    clean: (videos, taps). noisy: cell → (repeats, videos, taps).
    """

    taps: Taps
    clean: NDArray[np.float64]
    noisy: Mapping[Cell, NDArray[np.float64]]


def deltas(units: Sequence[Unit[Heard]]) -> Deltas:
    """Δ of all units, with one ε for each tap, from the clean model."""
    files = {unit.item: unit.result for unit in units}
    with np.load(files[CLEAN]) as file:
        taps = Taps(*(file[name].tolist() for name in ("taps", "kinds", "blocks", "tokens")))
        clean = file["numbers"]
    epsilon = [calibrated_epsilon(each) for each in clean[..., 2].reshape(-1, len(taps.names)).T]

    def delta(numbers: NDArray) -> NDArray[np.float64]:
        """Of each video, its views averaged: (videos, views, taps, 3) → (videos, taps)."""
        logarithms = np.log(numbers[..., :2] + np.array(epsilon)[:, None])
        return (logarithms[..., 0] - logarithms[..., 1]).mean(axis=1)

    noisy: dict[Cell, list[NDArray]] = {}
    for unit in units:
        if unit.item.cell is not None:
            with np.load(unit.result) as file:
                noisy.setdefault(unit.item.cell, []).append(delta(file["numbers"]))
    stacked = {cell: np.stack(each) for cell, each in noisy.items()}
    return Deltas(taps, delta(clean), stacked)


def table(
    dataset: str,
    model: str,
    units: Sequence[Unit[Heard]],
    places: Sequence[Place],
    outcomes: Outcomes,
) -> pd.DataFrame:
    """A row per place and tap: Δ clean, under noise, and the paired difference with its interval.

    The interval is over repeats and videos; p is corrected by Holm over the taps of a place. A
    clean cell has no rows: it changes nothing.
    """
    cells = outcomes.plan.cells
    heard = [(place, cells[place.cell]) for place in places if not cells[place.cell].clean]
    if not heard:
        return pd.DataFrame(columns=list(COLUMNS))
    kappa = {cells[place.cell]: outcomes.cells[place.cell].kappa for place in places}
    found = rows(deltas(units), heard, kappa, outcomes.resamples)
    return found.assign(dataset=dataset, model=model).reindex(columns=list(COLUMNS))


def rows(
    found: Deltas,
    places: Sequence[tuple[Place, Cell]],
    kappa: Mapping[Cell, float],
    resamples: Resamples,
) -> pd.DataFrame:
    """The rows of `table`."""
    parts = []
    for place, cell in places:
        noisy, facts = found.noisy[cell], described(place, cell, kappa[cell])
        taps = range(len(found.taps.names))
        each = pd.DataFrame([_row(noisy[..., tap], found.clean[:, tap], resamples) for tap in taps])
        parts.append(
            each.assign(
                **{name: fact for name, fact in facts.items() if name in COLUMNS},
                **_of_taps(found.taps),
                p_holm=holm(each["p"].to_numpy(np.float64)),
                repeats=len(noisy),
                n_videos=resamples.n_videos,
                n_clusters=resamples.n_clusters,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _row(noisy: NDArray, clean: NDArray, resamples: Resamples) -> dict[str, float]:
    """Of one tap from Δ under noise (repeats, videos) and clean (videos,)."""
    change = noisy - clean
    low, high = hierarchical_interval(change, resamples)
    return {
        "clean": clean.mean(),
        "delta": noisy.mean(),
        "difference": change.mean(),
        "low": low,
        "high": high,
        "p": hierarchical_p_value(change, resamples),
    }


def _of_taps(taps: Taps) -> dict[str, list]:
    """Columns of the taps; without a bin there is a reason and no ω."""
    bins = [representative("temporal", t, 1, 1, "poster") for t in taps.tokens]
    grids = [omega("temporal", t, 1, 1) for t in taps.tokens]
    return {
        "tap": list(taps.names),
        "tap_kind": list(taps.kinds),
        "block": list(taps.blocks),
        "tokens": list(taps.tokens),
        "omega": [np.nan if b.index is None else grid[b.index] for b, grid in zip(bins, grids)],
        "reason": [each.reason for each in bins],
    }
