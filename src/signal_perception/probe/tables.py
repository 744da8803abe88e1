"""One row per tap: the accuracy of its probe, and how it differs from that of the own weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.probe import definitions
from signal_perception.probe.run import Probed
from signal_perception.seeding import generator
from signal_perception.statistics.comparison import holm, p_value
from signal_perception.statistics.intervals import Resamples, interval, share_interval

# Of other weights than the data set's own; empty for these.
COMPARED = (
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
    rows = []
    owns = iter(own) if own is not None else None
    for order, tap in enumerate(found):
        row = {
            **facts,
            "tap": tap.name,
            "kind": index.kinds[order],
            "block": index.blocks[order],
            "depth": order / last,
            "channels": tap.test.shape[1],
            "c": tap.c,
            "folds": tap.folds,
            "converged": tap.converged,
            **_accuracy(tap.hits, resamples),
            "n_clusters": resamples.n_clusters,
            "chance": 100 / len(index.classes),
            **dict.fromkeys(COMPARED, np.nan),
        }
        if owns is not None:
            other = next(owns)
            random = generator(resamples.seed, "cka", tap.name)
            alike = definitions.similarity(tap.test, other.test, resamples.cluster, random)
            row |= {"own_top1": 100 * float(other.hits.mean())}
            row |= _difference(tap.hits, other.hits, resamples)
            row |= {
                "cka": alike.value,
                "cka_low": alike.low,
                "cka_high": alike.high,
                "cka_of_shuffled": alike.shuffled,
            }
        rows.append(row)
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


def _difference(
    hits: NDArray[np.bool_], own: NDArray[np.bool_], resamples: Resamples
) -> dict[str, float]:
    """These weights − own ones in points, paired by video."""
    paired = 100 * (hits.astype(np.float64) - own)
    low, high = interval(paired, resamples)
    return {
        "difference": float(paired.mean()),
        "difference_low": float(low),
        "difference_high": float(high),
        "p": float(p_value(paired, resamples)),
    }
