"""The difference of two estimates of which the tables have no more than value and interval.

Each side of its interval comes from the sides of both that face it (Zou & Donner 2008), as if the
two were independent. They are of the same videos, which makes it too wide rather than too narrow.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

_CONFIDENCE = 0.95


def sides(row: Mapping[Any, Any], names: Sequence[str]) -> tuple[list[float], list[float]]:
    """Value, low and high of the older and of the newer one, from columns <name>_old, _new."""
    return [row[f"{name}_old"] for name in names], [row[f"{name}_new"] for name in names]


def difference(
    old: Sequence[float], new: Sequence[float], clusters: int
) -> tuple[float, float, float, float]:
    """New less old: difference, low, high and p; all of them 0, p 1, where both are the same.

    p is of the level at which the interval just reaches 0, by Student's t with clusters − 1 degrees
    of freedom, of which the intervals of both are taken to be. NaN where either has none.

    old, new: value, low, high (95 %). clusters: independent clusters of videos, of the fewer.
    """
    if list(old) == list(new):
        return 0.0, 0.0, 0.0, 1.0
    change = float(new[0] - old[0])
    below = float(np.hypot(new[0] - new[1], old[2] - old[0]))
    above = float(np.hypot(new[2] - new[0], old[0] - old[1]))
    margin, freedom, p = below if change > 0 else above, clusters - 1, float("nan")
    if margin > 0 and freedom > 0:
        t = abs(change) / margin * stdtrit(freedom, (1 + _CONFIDENCE) / 2)
        p = float(2 * stdtr(freedom, -t))
    return change, change - below, change + above, p
