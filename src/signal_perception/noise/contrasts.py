"""Which panel of a grid loses more accuracy: paired contrasts of all panels, and what they say.

Two panels are compared over their matched cells, those of the same σ, γ and ρ: hits of the first
less hits of the second, in the same repeat on the same video, which takes out what both have in
common.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.noise import findings
from signal_perception.noise.definitions import THIRDS
from signal_perception.noise.grid import Plan
from signal_perception.noise.outcomes import KS, Outcomes
from signal_perception.statistics.comparison import hierarchical_p_value
from signal_perception.statistics.intervals import hierarchical_interval

COLUMNS = (
    *("dataset", "model", "grid", "kind", "k", "first", "second", "cells"),
    *("difference", "low", "high", "p", "p_holm", "kappa_first", "kappa_second"),
    *("n_videos", "n_clusters", "weaker", "finding"),
)
_LEVEL = 0.95


def table(dataset: str, model: str, outcomes: Outcomes) -> pd.DataFrame:
    """A row per grid, kind of noise, k and pair of panels.

    difference: first − second in points, the mean over matched cells, repeats and the videos that
    all these cells have; below 0 the first loses more. p_holm: over all rows of the same k. weaker:
    the panel that loses more, empty where that is not significant.
    """
    rows = [
        {"grid": grid, "kind": kind, "k": k, "first": first, "second": second}
        | _contrast(outcomes, matched, k)
        for (grid, kind), panels in _panels(outcomes.plan).items()
        for first, second in _pairs(list(panels))
        if (matched := _matched(panels[first], panels[second]))
        for k in KS
    ]
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    found = findings.with_findings(pd.DataFrame(rows))
    return found.assign(dataset=dataset, model=model).reindex(columns=list(COLUMNS))


# σ, γ and ρ as asked → number of the cell
_Panel = dict[tuple[float, float, float], int]


def _panels(plan: Plan) -> dict[tuple[str, str], dict[str, _Panel]]:
    """Grid and kind of noise → panel → its cells that are not clean."""
    panels: dict[tuple[str, str], dict[str, _Panel]] = {}
    for place in plan.places:
        cell = plan.cells[place.cell]
        if not cell.clean:
            panel = panels.setdefault((place.grid, cell.kind), {}).setdefault(place.panel, {})
            panel[cell.sigma, cell.gamma, place.rho] = place.cell
    return panels


def _matched(first: _Panel, second: _Panel) -> list[tuple[int, int]]:
    """Cells of the same setting; two ρ that choose as many layers in both count once."""
    return list(dict.fromkeys((first[at], second[at]) for at in first if at in second))


def _pairs(panels: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs: V−Q, V−K, Q−K; front−middle, middle−rear, front−rear; others as they come."""
    order = list(panels)
    if set(panels) == set(THIRDS):
        front, middle, rear = THIRDS
        return [(front, middle), (middle, rear), (front, rear)]
    parts = {panel.rpartition(".")[2]: panel for panel in panels}
    if len(panels) == 3 and set(parts) == {"q", "k", "v"}:
        order = [parts[part] for part in "vqk"]
    return list(combinations(order, 2))


def _contrast(outcomes: Outcomes, matched: Sequence[tuple[int, int]], k: int) -> dict[str, object]:
    cells = outcomes.cells
    # parts are the same for all cells, so the shortest has videos that all have
    videos = min((cells[i].videos for pair in matched for i in pair), key=len)
    hits = [
        _hits(outcomes, first, k, videos) - _hits(outcomes, second, k, videos)
        for first, second in matched
    ]
    difference = 100 * np.mean(hits, axis=0)
    resamples = outcomes.resamples_of(videos)
    low, high = hierarchical_interval(difference, resamples, _LEVEL)
    return {
        "cells": len(matched),
        "difference": float(difference.mean()),
        "low": low,
        "high": high,
        "p": hierarchical_p_value(difference, resamples),
        "kappa_first": float(np.mean([cells[first].kappa for first, _ in matched])),
        "kappa_second": float(np.mean([cells[second].kappa for _, second in matched])),
        "n_videos": resamples.n_videos,
        "n_clusters": resamples.n_clusters,
    }


def _hits(outcomes: Outcomes, cell: int, k: int, videos: NDArray) -> NDArray[np.float64]:
    """Hits of a cell on some of its videos (repeats, videos)."""
    found = outcomes.cells[cell]
    return found.hits[k][:, np.searchsorted(found.videos, videos)]
