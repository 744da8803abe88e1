"""Is it motion? What the clip has more than its static control, tap by tap, and in words.

The static clip repeats its first frame, so nothing in it moves. What a model still shows at a
frequency then is its own: position codes of time, padding at the ends, attention among equal
frames. Δ of the clip alone does not tell these from motion; the paired difference clip − static
does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from signal_perception.report.results import depth, naming
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.remembered import remembered
from signal_perception.vocabulary import CLIP

# Significance level after Holm's correction.
LEVEL = 0.05
# Shares of a model's taps from which, and below which, its curve is called motion, or not.
_MOST, _FEW = 0.75, 0.25
# Static over clip: from here on most of the energy is there without motion.
_MOSTLY_STATIC = 0.5


# What the taps of a model say, see `verdict`.
OPEN, OWN, PART, MOSTLY_STATIC, MOTION = "open", "own", "part", "mostly static", "motion"


@dataclass(frozen=True)
class Counts:
    """Taps of one kind whose clip − static is above 0, below 0, or not different after Holm."""

    more: int
    less: int
    same: int

    @property
    def total(self) -> int:
        return self.more + self.less + self.same


@dataclass(frozen=True)
class Motion:
    """One model's answer, over the taps of panel (a).

    missing: taps without a value. kinds: MSA, MLP, Conv, as far as the model has them. median: of
    clip − static. energy: static over clip of Σ_{k≠0}|X_k|²/|X_0|², median over taps. verdict: see
    there. finding: a sentence.
    """

    model: str
    taps: int
    missing: int
    kinds: Mapping[str, Counts]
    median: float
    energy: float
    verdict: str
    finding: str


def answers(tables: Tables, reading: Reading) -> list[Motion]:
    """One `Motion` for each model whose static control was extracted.

    tables: model → table per tap.
    """
    return [
        _answer(model, table, reading) for model, table in tables.items() if depth.has_static(table)
    ]


def significant(taps: pd.DataFrame) -> pd.Series:
    """Whether each tap's p, after Holm's correction, is below 0.05; not where there is none."""
    return taps.loc[:, "p_holm"].lt(LEVEL)


def count(taps: pd.DataFrame) -> Counts:
    """The taps that have a value, by sign where they are significant."""
    sure = depth.numbers(taps.loc[significant(taps)], "value")
    more, less = int((sure > 0).sum()), int((sure < 0).sum())
    return Counts(more, less, len(depth.numbers(taps, "value")) - more - less)


def verdict(kinds: Mapping[str, Counts], energy: float) -> str:
    """The answer in a word, by this rule.

    n taps have a value, and at m of them the clip has significantly more than its static control.

    - n = 0: OPEN.
    - m < ¼ n: OWN, the model's own time code.
    - m < ¾ n: PART, motion at a part of the depth.
    - else: MOTION, or MOSTLY_STATIC where the static clip has half of the clip's energy or more.
    """
    total = sum(counts.total for counts in kinds.values())
    more = sum(counts.more for counts in kinds.values())
    if not total:
        return OPEN
    if more < _FEW * total:
        return OWN
    if more < _MOST * total:
        return PART
    return MOSTLY_STATIC if energy >= _MOSTLY_STATIC else MOTION


def finding(name: str, kinds: Mapping[str, Counts], energy: float) -> str:
    """The `verdict` as one sentence.

    Of the model's own time code it counts the taps that do not have more, and those of them where
    the clip has significantly less.
    """
    said = verdict(kinds, energy)
    if said == OPEN:
        return f"{name}: no tap has a value at this bin, so the question stays open."
    if said == OWN:
        less = sum(counts.less for counts in kinds.values())
        fewer = f" ({less} of them significantly less)" if less else ""
        return (
            f"{name}: at {_counted(kinds, more=False)} the clip has no more than its static "
            f"control{fewer}: the model's own time code, not motion."
        )
    start = f"{name}: at {_counted(kinds, more=True)} the clip has more than its static control"
    if said == PART:
        return f"{start}: motion at a part of the depth."
    if said == MOSTLY_STATIC:
        return f"{start}: motion, but most of the energy is there without it ({energy:.2f} of it)."
    return f"{start}: motion."


@remembered
def _answer(model: str, table: pd.DataFrame, reading: Reading) -> Motion:
    taps = depth.profile(table, "a", reading, control=depth.DIFFERENCE)
    kinds = {kind: count(depth.of_kind(taps, kind)) for kind in depth.kinds(taps)}
    energy = _energy(table)
    return Motion(
        model=model,
        taps=len(taps),
        missing=len(taps) - len(depth.numbers(taps, "value")),
        kinds=kinds,
        median=depth.median(taps),
        energy=energy,
        verdict=verdict(kinds, energy),
        finding=finding(naming.model(model), kinds, energy),
    )


def _energy(table: pd.DataFrame) -> float:
    """Static over clip of the energy outside the mean, each a mean over videos; median of taps."""
    clip, static = (
        depth.profile(table, "a", None, control=control, quantity="hc_dc")
        for control in (CLIP, depth.STATIC)
    )
    both = clip.merge(static, on="tap", suffixes=("_clip", "_static"))
    both = both.loc[both["value_clip"] > 0]
    return depth.median(both.assign(value=both["value_static"] / both["value_clip"]))


def _counted(kinds: Mapping[str, Counts], *, more: bool) -> str:
    """For example "11 of 12 MSA and 12 of 12 MLP taps"."""
    parts = [
        f"{counts.more if more else counts.total - counts.more} of {counts.total} {kind}"
        for kind, counts in kinds.items()
        if counts.total
    ]
    return f"{' and '.join(parts)} taps"
