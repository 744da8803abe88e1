"""Means over videos with intervals and p values: from arrays per video to rows of a table.

A control is an input of the model, or a paired difference, video by video: `CLIP_STATIC`, between
the clip and its first frame repeated, where what is left is what the motion did; or `CLIP_OWN`, of
the clip between these weights and those fine-tuned on the data set itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.extract.store import TapFacts
from signal_perception.fourier import definitions
from signal_perception.statistics.comparison import holm, p_value
from signal_perception.statistics.intervals import Resamples, interval
from signal_perception.vocabulary import CLIP, INPUTS

STATIC = "static"
CLIP_STATIC = "clip-static"
CLIP_OWN = "clip-own"
PAIRED = (CLIP_STATIC, CLIP_OWN)

# Columns with words, and the order of their words in the tables.
_WORDS = {
    "transform": definitions.TRANSFORMS,
    "quantity": (
        "delta",
        "corrected",
        "matched",
        "block_response",
        "discriminability",
        "hc_dc",
        "centroid",
        "high_share",
    ),
    "statistic": definitions.STATISTICS,
    "point": definitions.POINTS,
    "control": (*INPUTS, *PAIRED),
}
_NUMBERS = ("order", "bin")


@dataclass(frozen=True)
class Block:
    """Numbers of every video, a column for each row of the table to be.

    labels: name → one for each column, e.g. its control and bin. values: (videos, columns).
    """

    labels: Mapping[str, NDArray]
    values: NDArray[np.float64]


def block(values: NDArray, axes: Mapping[str, Sequence], **constants: str) -> Block:
    """A block out of an array (videos …) whose further axes are named and numbered by `axes`.

    constants: labels that all columns share.
    """
    places = np.indices(values.shape[1:]).reshape(len(axes), -1)
    labels = {name: np.asarray(each)[place] for (name, each), place in zip(axes.items(), places)}
    same = {name: np.full(places.shape[1], word) for name, word in constants.items()}
    return Block(labels | same, values.reshape(len(values), -1))


def paired(values: NDArray, inputs: Sequence[str], own: NDArray | None) -> NDArray[np.float64]:
    """Values (videos, inputs, …) with the paired differences behind: (videos, controls, …).

    own: the values with the data set's own weights, None where these are they. There is no
    difference to static where that is no input.
    """
    clip = values[:, inputs.index(CLIP)]
    differences = []
    if STATIC in inputs:
        differences.append(clip - values[:, inputs.index(STATIC)])
    if own is not None:
        differences.append(clip - own[:, inputs.index(CLIP)])
    return np.concatenate([values, *(each[:, None] for each in differences)], axis=1)


def controls(inputs: Sequence[str], own: object) -> tuple[str, ...]:
    """Names along the second axis of `paired`."""
    static = (CLIP_STATIC,) if STATIC in inputs else ()
    return (*inputs, *static, *(() if own is None else (CLIP_OWN,)))


def estimate(blocks: Sequence[Block], resamples: Resamples) -> pd.DataFrame:
    """Mean over videos, 95 % interval and, where zero is a claim to be tested, p: a row per column.

    That is for paired differences and for block responses. NaN where a video has no value.
    """
    labels = {
        name: np.concatenate([each.labels[name] for each in blocks]) for name in blocks[0].labels
    }
    values = np.concatenate([each.values for each in blocks], axis=1)
    present = np.isfinite(values).all(axis=0)
    claims = np.isin(labels["control"], PAIRED) | (labels["quantity"] == "block_response")
    tested = present & claims
    low, high, p = np.full((3, values.shape[1]), np.nan)
    if present.any():
        low[present], high[present] = interval(values[:, present], resamples)
    if tested.any():
        p[tested] = p_value(values[:, tested], resamples)
    return pd.DataFrame({**labels, "value": values.mean(axis=0), "low": low, "high": high, "p": p})


def tap_columns(tap: TapFacts) -> dict[str, object]:
    """What both tables say of a tap."""
    return {
        "tap": tap.tap,
        "order": tap.order,
        "kind": tap.kind,
        "block": tap.block,
        "side": tap.side,
        "tokens": tap.shape[0],
    }


def dead_share(rows: pd.DataFrame, inputs: Sequence[str], dead: NDArray) -> list[float]:
    """Share of dead series under the control of each row; empty for a paired difference.

    dead: (inputs, rows).
    """
    shares = dict(zip(inputs, dead.mean(axis=1)))
    return [shares.get(control, np.nan) for control in rows["control"]]


def with_holm(table: pd.DataFrame, family: Sequence[str]) -> pd.DataFrame:
    """The table with `p_holm`: p corrected for all taps that agree in the columns of `family`."""
    tested = table.loc[table["p"].notna()]
    corrected = tested.groupby(list(family), sort=False)["p"].transform(
        lambda p: holm(p.to_numpy(np.float64))
    )
    return table.assign(p_holm=corrected.reindex(table.index))


def arranged(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with its columns in order, sorted by transform, quantity, …, control, order, bin.

    Words are sorted as they are listed where they are defined, transforms and controls for example.
    """
    keys: dict[str, object] = {}
    for name, words in _WORDS.items():
        if name in table:
            ranks = {word: rank for rank, word in enumerate(words)}
            keys[name] = [ranks.get(word, -1) for word in table[name]]
    keys |= {name: table[name] for name in _NUMBERS if name in table}
    order = pd.DataFrame(keys, table.index).sort_values(list(keys), kind="stable").index
    return table.loc[order, list(columns)].reset_index(drop=True)
