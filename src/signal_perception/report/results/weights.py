"""What other weights change: Δ of the clip with them, against the data set's own, and in words.

Other weights are those fine-tuned on another data set, or those that fine-tuning began from. The
difference other − own is paired by video, so it is the weights' alone; a model has the same T' with
all its weights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signal_perception.pipeline.params import START
from signal_perception.report.findings import motion
from signal_perception.report.findings.motion import Counts
from signal_perception.report.results import depth, naming
from signal_perception.report.results.depth import Reading, Tables

# What the tables call the paired difference between the clip with other weights and with own ones.
DIFFERENCE = "clip-own"

# model → weights → table per tap
Others = Mapping[str, Tables]


@dataclass(frozen=True)
class Medians:
    """Medians over taps of clip − static, with the other weights and with the data set's own."""

    other: float
    own: float


@dataclass(frozen=True)
class Comparison:
    """One model with other weights against its own, over the taps of panel (a).

    name: of the weights, for readers. missing: taps without a value. kinds: MSA, MLP, Conv, as far
    as the model has them; more and less: Δ higher and lower with the other weights. median: of
    other − own. motion: NaN where no static control was extracted. finding: a sentence.
    """

    model: str
    name: str
    taps: int
    missing: int
    kinds: Mapping[str, Counts]
    median: float
    motion: Medians
    finding: str


def present(others: Others, owns: Tables) -> Others:
    """The weights that can be drawn: of models with own ones, and with the difference to these."""
    found = {
        model: {w: table for w, table in tables.items() if DIFFERENCE in set(table["control"])}
        for model, tables in others.items()
        if model in owns
    }
    return {model: tables for model, tables in found.items() if tables}


def every(others: Others) -> list[str]:
    """All weights that any model has, in the study's order."""
    return list(dict.fromkeys(weights for tables in others.values() for weights in tables))


def without(others: Others, owns: Iterable[str], dataset: str) -> dict[str, str]:
    """The models that lack weights which others have, each with what is missing.

    owns: models with own weights.
    """
    lacking = {
        model: [weights for weights in every(others) if weights not in others.get(model, {})]
        for model in owns
    }
    return {
        model: f"not run {' and '.join(name(weights, dataset) for weights in missing)}"
        for model, missing in lacking.items()
        if missing
    }


def name(weights: str, dataset: str) -> str:
    """Weights for readers of a data set's section, e.g. "before fine-tuning"."""
    if weights == f"{dataset}{START}":
        return "before fine-tuning"
    trained_on = naming.dataset(weights.removesuffix(START))
    if weights.endswith(START):
        return f"before fine-tuning on {trained_on}"
    return f"fine-tuned on {trained_on}"


def comparisons(others: Others, owns: Tables, reading: Reading, dataset: str) -> list[Comparison]:
    """One row per model and other weights.

    others: those `present`. owns: model → table per tap with the data set's own weights.
    """
    return [
        _comparison(model, weights, table, owns[model], reading, dataset)
        for model, tables in others.items()
        for weights, table in tables.items()
    ]


def finding(
    model: str, weights: str, dataset: str, kinds: Mapping[str, Counts], medians: Medians
) -> str:
    """What the weights change as one sentence, by this rule.

    n taps have a value. Δ differs at those where p < .05 after Holm; it is higher with the other
    weights at h of these and lower at l.

    - h or l > ½ n: the share of fast content is larger, or smaller, with the other weights; where
      these are what fine-tuning on this data set began from, fine-tuning lowered, or raised, it.
    - else where Δ differs at more than ½ n: in both directions, so no change of one sign.
    - else: no difference at most taps.

    Behind it, the medians of clip − static, where there are any; they are not tested.
    """
    start = f"{naming.model(model)}, {name(weights, dataset)}"
    total = sum(counts.total for counts in kinds.values())
    if not total:
        return f"{start}: no tap has a value at this bin, so nothing is compared."
    higher = sum(counts.more for counts in kinds.values())
    lower = sum(counts.less for counts in kinds.values())
    then = "before fine-tuning" if weights.endswith(START) else "with these weights"
    where = f"Δ differs at {_counted(kinds)}"
    if higher or lower:
        where += f", higher {then} at {higher} and lower at {lower}"
    said = [_change(weights, dataset, total, higher, lower), _motion(weights, dataset, medians)]
    return f"{start}: {where}: {'; '.join(part for part in said if part)}."


def _comparison(
    model: str, weights: str, table: pd.DataFrame, own: pd.DataFrame, reading: Reading, dataset: str
) -> Comparison:
    taps = depth.profile(table, "a", reading, control=DIFFERENCE)
    kinds = {kind: motion.count(depth.of_kind(taps, kind)) for kind in depth.kinds(taps)}
    medians = Medians(*(_clip_static(each, reading) for each in (table, own)))
    return Comparison(
        model=model,
        name=name(weights, dataset),
        taps=len(taps),
        missing=len(taps) - len(depth.numbers(taps, "value")),
        kinds=kinds,
        median=depth.median(taps),
        motion=medians,
        finding=finding(model, weights, dataset, kinds, medians),
    )


def _clip_static(table: pd.DataFrame, reading: Reading) -> float:
    """Median of clip − static over the taps of panel (a), NaN where there is none."""
    return depth.median(depth.profile(table, "a", reading, control=depth.DIFFERENCE))


def _change(weights: str, dataset: str, total: int, higher: int, lower: int) -> str:
    """Which way the share of fast content goes, over `total` taps."""
    if 2 * max(higher, lower) <= total:
        if 2 * (higher + lower) > total:
            return "in both directions, so no change of one sign"
        return "no difference at most taps"
    if weights == f"{dataset}{START}":
        verb = "lowered" if higher > lower else "raised"
        return f"fine-tuning {verb} the share of fast content"
    word = "larger" if higher > lower else "smaller"
    return (
        f"the share of fast content is {word} {name(weights, dataset)} than "
        f"{name(dataset, dataset)}"
    )


def _motion(weights: str, dataset: str, medians: Medians) -> str:
    """Whether the motion share, the median of clip − static, grew; nothing where there is none."""
    other, own = (f"{value:.2f}".replace("-", "−") for value in (medians.other, medians.own))
    if np.isnan([medians.other, medians.own]).any():
        return ""
    if weights != f"{dataset}{START}":
        whose = f"{name(weights, dataset)} and {own} {name(dataset, dataset)}"
        return f"the motion share (median of clip − static) is {other} {whose}"
    if other == own:
        return f"the motion share (median of clip − static) stayed at {own} with fine-tuning"
    verb = "grew" if medians.own > medians.other else "shrank"
    return (
        f"the motion share (median of clip − static) {verb} with fine-tuning from {other} to {own}"
    )


def _counted(kinds: Mapping[str, Counts]) -> str:
    """For example "11 of 12 MSA and 12 of 12 MLP taps"."""
    parts = [
        f"{counts.total - counts.same} of {counts.total} {kind}"
        for kind, counts in kinds.items()
        if counts.total
    ]
    return f"{' and '.join(parts)} taps"
