"""Our own models against each other, on the same videos: McNemar's test and the difference.

McNemar takes videos as independent; the interval of the difference resamples whole sources. A tie
counts by its share: `proportions.discordant`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from signal_perception.report.findings.losses import Bootstrap, drawn
from signal_perception.report.results import naming
from signal_perception.statistics.comparison import holm
from signal_perception.statistics.proportions import discordant, mcnemar, paired_interval

# Significance level after Holm's correction.
_LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """Two models at top-k.

    first_only, second_only: videos that one has right and the other has not. difference: accuracy
    of the first less that of the second, in points. p: McNemar's.
    """

    k: int
    first: str
    second: str
    n_videos: int
    n_clusters: int
    first_only: float
    second_only: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float = float("nan")

    @property
    def better(self) -> str:
        """The model that has more right; empty where p, after Holm, is not below 0.05."""
        if not self.p_holm < _LEVEL:
            return ""
        return self.first if self.first_only > self.second_only else self.second


def compared(correct: Mapping[str, pd.DataFrame], k: int, bootstrap: Bootstrap) -> list[Pair]:
    """Every pair of models, with Holm's correction over all of them.

    correct: model → columns video, group, top1, top5 (hits, 0 to 1). Videos that one of two models
    lacks are left out; two models without a common video are no pair.
    """
    names = {"video": object, "group": object}
    tables = {model: table.astype(names).set_index("video") for model, table in correct.items()}
    found = []
    for first, second in combinations(tables, 2):
        common = tables[first].index.intersection(tables[second].index, sort=False)
        if len(common):
            one, other = (tables[model].loc[common] for model in (first, second))
            found.append(_pair(k, (first, second), one, other, bootstrap))
    corrected = holm(np.array([pair.p for pair in found]))
    return [replace(pair, p_holm=float(p)) for pair, p in zip(found, corrected, strict=True)]


def frame(dataset: str, found: Sequence[Pair]) -> pd.DataFrame:
    """The pairs as a tidy table."""
    return pd.DataFrame([{"dataset": dataset, **asdict(pair)} for pair in found])


def finding(found: Sequence[Pair]) -> str:
    """How many pairs differ, and how often each model is the better one, in a sentence."""
    apart = [pair.better for pair in found if pair.better]
    wins = {model: apart.count(model) for model in dict.fromkeys(apart)}
    most = sorted(wins.items(), key=lambda win: -win[1])
    told = ", ".join(f"{naming.model(model)} {number}" for model, number in most)
    better = f"; better: {told}" if told else ""
    return f"{len(apart)} of {len(found)} pairs of models differ at top-{found[0].k}{better}."


def _pair(
    k: int, models: tuple[str, str], one: pd.DataFrame, other: pd.DataFrame, bootstrap: Bootstrap
) -> Pair:
    first, second = (table[f"top{k}"].to_numpy(np.float64) for table in (one, other))
    # a video without a source is one of its own
    groups = tuple(group or video for video, group in zip(one.index, one["group"]))
    draws = drawn(groups, bootstrap)
    differences = first - second
    low, high = paired_interval(differences, draws)
    only = discordant(first, second)
    return Pair(
        k,
        *models,
        n_videos=len(differences),
        n_clusters=draws.n_clusters,
        first_only=only[0],
        second_only=only[1],
        difference=100 * float(differences.mean()),
        low=100 * low,
        high=100 * high,
        p=mcnemar(*only),
    )
