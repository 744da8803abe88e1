"""Contrasts of panels in words: which one loses more, corrected for all that a model is asked."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from signal_perception.noise.definitions import THIRDS
from signal_perception.statistics.comparison import holm

# Significance level after Holm's correction.
_SIGNIFICANT = 0.05
# how a sentence begins, where it is not about noise on weights
_UNDER = {"weights": "", "activations": "On activations, ", "gradient": "In the worst case, "}


def with_findings(contrasts: pd.DataFrame) -> pd.DataFrame:
    """The contrasts of a model with p_holm (over all rows of the same k), weaker and finding.

    contrasts: columns kind, k, first, second, difference, low, high, p.
    """
    corrected = contrasts.groupby("k", sort=False)["p"].transform(
        lambda p: holm(p.to_numpy(np.float64))
    )
    found = contrasts.assign(p_holm=corrected)
    found["weaker"] = [_weaker(row) for row in found.to_dict("records")]
    found["finding"] = [in_words(row) for row in found.to_dict("records")]
    return found


def in_words(row: Mapping) -> str:
    """The row in words."""
    names = _names(row["first"], row["second"])
    mean, low, high = row["difference"], row["low"], row["high"]
    if not row["weaker"]:
        bounds = "no interval" if np.isnan(low) else _bounds(low, high)
        text = f"no difference shown between {' and '.join(names.values())}"
        text += f" ({_points(mean)}, {bounds})"
    else:
        if mean < 0:
            mean, low, high = -mean, -high, -low
        weaker = names.pop(row["weaker"])
        text = f"{weaker} loses {_points(mean)} points more than {', '.join(names.values())}"
        text += f" ({_bounds(low, high)}, {_p(row['p_holm'])} after Holm)"
    under = _UNDER[row["kind"]]
    # a panel of one's own keeps the spelling that it has elsewhere
    words = not under and text.startswith(("no ", "the "))
    return under + (text[0].upper() + text[1:] if words else text)


def _weaker(row: Mapping) -> str:
    """The panel that loses more; none where p is missing."""
    if not row["p_holm"] < _SIGNIFICANT:
        return ""
    return row["first"] if row["difference"] < 0 else row["second"]


def _names(first: str, second: str) -> dict[str, str]:
    """Panels inside a sentence: "V", "the middle third", or their own names."""
    names = {}
    for panel in (first, second):
        part = panel.rpartition(".")[2]
        third = f"the {panel} third" if panel in THIRDS else panel
        names[panel] = part.upper() if part in ("q", "k", "v") else third
    # V of one attention and V of another
    return names if len(set(names.values())) == 2 else {first: first, second: second}


def _points(value: float) -> str:
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def _bounds(low: float, high: float) -> str:
    """Rounded outwards, so that what is said of an interval holds it."""
    down, up = math.floor(round(10 * low, 6)) / 10, math.ceil(round(10 * high, 6)) / 10
    return f"{_points(down)} to {_points(up)}"


def _p(value: float) -> str:
    return "p < .001" if value < 0.001 else f"p = {value:.3f}".replace("0.", ".")
