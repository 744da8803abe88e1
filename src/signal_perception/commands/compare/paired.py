"""Differences of two experiments by the videos that both scored.

A run of the one is paired with the run of the other in the same place of `study.seeds`; several
runs are one estimate, over runs and videos.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from signal_perception import tabular
from signal_perception.commands.compare.revisions import Experiment
from signal_perception.report.results import runs
from signal_perception.report.results.columns import TABLES
from signal_perception.statistics.comparison import hierarchical_p_value, p_value
from signal_perception.statistics.intervals import Resamples, hierarchical_interval, resamples
from signal_perception.statistics.proportions import discordant, mcnemar, paired_interval

# Difference, low, high (95 %) in points, and p.
Estimate = tuple[float, float, float, float]
_NOTHING: Estimate = (0.0, 0.0, 0.0, 1.0)


class Found(NamedTuple):
    """A number of both experiments, percent, and its difference."""

    values: tuple[float, float]
    estimate: Estimate
    n_videos: int


def of_runs(experiment: Experiment, dataset: str, model: str) -> list[pd.DataFrame]:
    """Hits of the test videos, a table of each run; rows are videos."""
    stages, seeds = experiment.stages, experiment.study.seeds
    names = (f"evaluate@{dataset}-{model}-{seed}" for seed in seeds)
    paths = [stages[name].out("reports/tables/correct") for name in names if name in stages]
    texts: dict[Hashable, type[str]] = {"video": str, "group": str}
    return [
        tabular.read(path, TABLES["correct"], dtype=texts, keep_default_na=False).set_index("video")
        for path in paths
        if path.is_file()
    ]


def accuracy(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame], k: int, experiment: Experiment
) -> tuple[Estimate, int] | None:
    """Difference of top-k, and how many videos it is of; None without a common one.

    p is the larger of McNemar's, which takes videos as independent, and of a test that resamples
    their sources.
    """
    told = []
    for one, other in zip(old, new):
        common = one.index.intersection(other.index, sort=False)
        if len(common):
            before, after = (t.loc[common, f"top{k}"].to_numpy(np.float64) for t in (one, other))
            drawn = _drawn(common, other.loc[common, "group"], experiment)
            told.append((_of_hits(before, after, drawn), drawn))
    return (_over_runs(told), told[0][1].n_videos) if told else None


def under_noise(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame], experiment: Experiment
) -> dict[str, Found]:
    """Grid → mean top-1 over its cells, of videos and repeats that both experiments have.

    old, new: a table per run, columns video, group, and <grid>.<repeat>, as `Results.robustness`.
    """
    names = [name.rpartition(".")[0] for table in new[:1] for name in table.columns]
    found = {}
    for grid in dict.fromkeys(name for name in names if name):
        told, values = [], []
        for one, other in zip(old, new):
            before, after = _repeats(one, grid), _repeats(other, grid)
            change = (after - before).dropna(how="all", axis=1).dropna()
            if len(change) and change.shape[1]:
                groups = other.set_index("video").loc[change.index, "group"]
                drawn = _drawn(change.index, groups.fillna("").astype(str), experiment)
                told.append((_of_repeats(change.to_numpy(np.float64), drawn), drawn))
                same = (change.index, change.columns)
                values.append([float(t.loc[same].to_numpy().mean()) for t in (before, after)])
        if told:
            means = np.mean(values, axis=0)
            both = float(means[0]), float(means[1])
            found[grid] = Found(both, _over_runs(told), told[0][1].n_videos)
    return found


def _of_hits(before: np.ndarray, after: np.ndarray, drawn: Resamples) -> Estimate:
    change = after - before
    if not change.any():
        return _NOTHING
    low, high = paired_interval(change, drawn)
    p = max(mcnemar(*discordant(after, before)), float(p_value(change, drawn)))
    return 100 * float(change.mean()), 100 * low, 100 * high, p


def _of_repeats(change: np.ndarray, drawn: Resamples) -> Estimate:
    """change: (videos, repeats)."""
    if not change.any():
        return _NOTHING
    low, high = hierarchical_interval(change.T, drawn)
    return float(change.mean()), low, high, hierarchical_p_value(change.T, drawn)


def _over_runs(told: Sequence[tuple[Estimate, Resamples]]) -> Estimate:
    estimate, drawn = told[0]
    if len(told) == 1 or all(each == _NOTHING for each, _ in told):
        return estimate
    return runs.estimate([each[:3] for each, _ in told], drawn.n_clusters)


def _repeats(table: pd.DataFrame, grid: str) -> pd.DataFrame:
    """Mean top-1 of each video in each repeat of a grid."""
    columns = [name for name in table.columns if name.rpartition(".")[0] == grid]
    return table.set_index("video").loc[:, columns]


def _drawn(videos: Iterable[str], groups: Iterable[str], experiment: Experiment) -> Resamples:
    # a video without a source is one of its own
    names = [group or video for video, group in zip(videos, groups)]
    return resamples(names, experiment.seed, experiment.draws)
