"""One row per tap: the accuracy of its probe, and how it differs from that of the own weights."""

from collections.abc import Mapping
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.probe.run import Probed, Tap
from signal_perception.statistics.comparison import holm, p_value
from signal_perception.statistics.intervals import Resamples, interval, share_interval

# Of other weights than the data set's own; empty for these.
COMPARED: tuple[str, ...] = (
    "own_top1",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_holm",
    "cka",
    "cka_low",
    "cka_high",
    "cka_of_shuffled",
)


def table(
    found: Probed, own: Probed | None, resamples: Resamples, facts: Mapping[str, str]
) -> pd.DataFrame:
    """A row per tap in execution order; see docs/map.md for the columns.

    top1, differences: percent and points, of the test videos. depth: i / (n − 1).

    Parameters
    ----------
    own: with the data set's own weights, None where these are they. resamples: of the test videos.
    facts: columns that are the same in all rows.
    """
    index = found.features.index
    last = max(len(index.taps) - 1, 1)
    owns = repeat(None) if own is None else own
    rows = [
        {
            **facts,
            "tap": tap.name,
            "kind": index.kinds[order],
            "block": index.blocks[order],
            "depth": order / last,
            "channels": tap.channels,
            "c": tap.c,
            "folds": tap.folds,
            "converged": tap.converged,
            **_accuracy(tap.hits, resamples),
            "n_clusters": resamples.n_clusters,
            "chance": 100 / len(index.classes),
            **_compared(tap, other, resamples),
        }
        for order, (tap, other) in enumerate(zip(found, owns))
    ]
    made = pd.DataFrame(rows)
    return made.assign(p_holm=holm(made["p"].to_numpy(np.float64)))


def _accuracy(hits: NDArray[np.bool_], resamples: Resamples) -> dict[str, Any]:
    low, high = share_interval(hits.astype(np.float64), resamples)
    return {
        "top1": 100 * float(hits.mean()),
        "low": 100 * float(low),
        "high": 100 * float(high),
        "correct": int(hits.sum()),
        "total": len(hits),
    }


def _compared(tap: Tap, own: Tap | None, resamples: Resamples) -> dict[str, float]:
    """These weights − own ones, paired by video, and CKA; NaN for these themselves."""
    nothing = dict.fromkeys(COMPARED, np.nan)
    if own is None:
        return nothing
    paired = 100 * (tap.hits.astype(np.float64) - own.hits)
    low, high = interval(paired, resamples)
    found = {
        "own_top1": 100 * float(own.hits.mean()),
        "difference": float(paired.mean()),
        "difference_low": float(low),
        "difference_high": float(high),
        "p": float(p_value(paired, resamples)),
    }
    if tap.alike is not None:
        names = ("cka", "cka_low", "cka_high", "cka_of_shuffled")
        found |= dict(zip(names, tap.alike.numbers.tolist(), strict=True))
    return {**nothing, **found}
