"""Contrasts whose weakest panel is known, made by hand."""

from collections.abc import Mapping

import pandas as pd

from tests.support.noise_tables import contrast

_WIDTH = 2.0


def contrasts(
    lost: Mapping[str, float],
    model: str = "timesformer_divided",
    grid: str = "figure2",
    sure: bool = True,
) -> pd.DataFrame:
    """All pairs of panels, by the points that each loses; equal ones, or all, are not significant.

    The interval of a difference reaches 2 points to either side, 40 where it is not sure.
    """
    panels = list(lost)
    pairs = [(a, b) for n, a in enumerate(panels) for b in panels[n + 1 :]]
    rows = []
    for first, second in pairs:
        difference = lost[second] - lost[first]
        apart = sure and difference != 0
        width = _WIDTH if sure else 20 * _WIDTH
        weaker = (first if difference < 0 else second) if apart else ""
        found = {"p": 0.001, "p_holm": 0.003, "weaker": weaker} if apart else {}
        rows += [
            contrast(first, second, difference, width, model=model, grid=grid, k=k) | found
            for k in (1, 5)
        ]
    return pd.DataFrame(rows)
