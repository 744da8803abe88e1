"""Models against each other: points of top-1 that the cells of a grid cost, paired by video.

Several runs of a model are one estimate: of their losses; of the differences between the first runs
of two models, the second ones, and so on, whose variance is that of both models' runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.report.results import naming, noise_cells, rounding, runs
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings
from signal_perception.statistics.comparison import hierarchical_test, holm
from signal_perception.statistics.intervals import Resamples, hierarchical_interval, resamples

# Significance level after Holm's correction.
_LEVEL = 0.05
# Resamples for each comparison, at least: a p of none in all of them is then still half the level
# after Holm's correction.
_DRAWS = 40


class Bootstrap(NamedTuple):
    """Seed and number of resamples of videos, for all intervals and p."""

    seed: int
    draws: int


@dataclass(frozen=True)
class Loss:
    """What a grid costs one model: mean over its cells, repeats and videos, in points of top-1.

    clean: top-1 without noise, percent, over the same videos. kappa: mean over the cells. more,
    less: names of the models that lose significantly more, or less, than this one.
    """

    grid: str
    model: str
    clean: float
    loss: float
    low: float
    high: float
    kappa: float
    n_videos: int
    more: Sequence[str] = ()
    less: Sequence[str] = ()


@dataclass(frozen=True)
class Pair:
    """Loss of the first model less that of the second, over the same videos, in points."""

    grid: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    n_videos: int
    n_clusters: int

    @property
    def weaker(self) -> str:
        """The model that loses more; empty where the difference is not significant."""
        if not self.p_holm < _LEVEL:
            return ""
        return self.first if self.difference > 0 else self.second


@dataclass(frozen=True)
class Comparison:
    """All models over all grids: `findings` has a sentence per grid. runs: how many models have."""

    losses: Sequence[Loss]
    pairs: Sequence[Pair]
    findings: Sequence[str]
    runs: frozenset[int] = frozenset()


def of(results: Results, settings: Settings) -> Comparison:
    """That of one data set."""
    bootstrap = Bootstrap(settings.seed, settings.noise["bootstrap"])
    return comparison(results.robustness, results.noise, bootstrap)


def comparison(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    cells: Mapping[str, pd.DataFrame],
    bootstrap: Bootstrap,
) -> Comparison:
    """Every pair of models in every grid, with Holm's correction over all of them.

    Many comparisons get more resamples than `bootstrap` has, see _DRAWS.

    tables: model → a table of each run, with a row per video. cells: model → cells of all grids.
    """
    tables = {model: [_by_video(table) for table in each] for model, each in tables.items()}
    grids = dict.fromkeys(grid for table, *_ in tables.values() for grid in _grids(table))
    compared = [(grid, *pair) for grid in grids for pair in combinations(_having(tables, grid), 2)]
    bootstrap = bootstrap._replace(draws=max(bootstrap.draws, _DRAWS * len(compared)))
    pairs = _corrected(
        [
            _pair(grid, (one, tables[one]), (other, tables[other]), bootstrap)
            for grid, one, other in compared
        ]
    )
    losses = [
        _judged(_loss(grid, model, tables[model], cells[model], bootstrap), pairs)
        for grid in grids
        for model in _having(tables, grid)
    ]
    counts = frozenset(len(of_runs) for of_runs in tables.values())
    findings = [_finding(grid, losses, pairs) for grid in grids]
    return Comparison(losses, pairs, findings, counts)


def _grids(table: pd.DataFrame) -> list[str]:
    """The grids whose cells a model's videos were scored in."""
    names = [column.rpartition(".")[0] for column in table.columns]
    return list(dict.fromkeys(name for name in names if name))


def _having(tables: Mapping[str, Sequence[pd.DataFrame]], grid: str) -> list[str]:
    return [model for model, (table, *_) in tables.items() if grid in _grids(table)]


def _by_video(table: pd.DataFrame) -> pd.DataFrame:
    # names as Python's own: others are made anew whenever they are asked for
    return table.astype({"video": object, "group": object}).set_index("video")


def _lost(table: pd.DataFrame, grid: str) -> pd.DataFrame:
    """Points that each video loses in each repeat, by video; videos without cells left out."""
    columns = [name for name in table.columns if name.rpartition(".")[0] == grid]
    return table.loc[:, columns].rsub(table["clean"], axis=0).dropna()


def _draws(groups: Iterable[str], bootstrap: Bootstrap) -> Resamples:
    return drawn(tuple(groups), bootstrap)


@lru_cache(maxsize=4)
def drawn(groups: tuple[str, ...], bootstrap: Bootstrap) -> Resamples:
    """Resamples of videos by the names of their sources; once for all pairs on the same videos."""
    return resamples(groups, bootstrap.seed, bootstrap.draws)


def _interval(values: NDArray[np.float64], draws: Resamples) -> tuple[float, float]:
    """95 % interval of a mean of values (videos, repeats)."""
    low, high = hierarchical_interval(values.T, draws)
    return float(low), float(high)


def _pair(
    grid: str,
    one: tuple[str, Sequence[pd.DataFrame]],
    other: tuple[str, Sequence[pd.DataFrame]],
    bootstrap: Bootstrap,
) -> Pair:
    """p_holm is not known yet."""
    (first, tables), (second, rivals) = one, other
    compared = [
        _pair_of_runs(grid, table, rival, bootstrap) for table, rival in zip(tables, rivals)
    ]
    found, draws = compared[0]
    if len(compared) > 1:
        found = runs.estimate([values[:3] for values, _ in compared], draws.n_clusters)
    return Pair(
        grid,
        naming.model(first),
        naming.model(second),
        *found,
        p_holm=float("nan"),
        n_videos=draws.n_videos,
        n_clusters=draws.n_clusters,
    )


def _pair_of_runs(
    grid: str, table: pd.DataFrame, rival: pd.DataFrame, bootstrap: Bootstrap
) -> tuple[tuple[float, float, float, float], Resamples]:
    """Difference, low, high and p between a run of one model and one of another."""
    # of the videos and repeats that both have
    difference = (_lost(table, grid) - _lost(rival, grid)).dropna(how="all", axis=1).dropna()
    values = difference.to_numpy(np.float64)
    draws = _draws(table.loc[difference.index, "group"], bootstrap)
    return (float(values.mean()), *hierarchical_test(values.T, draws)), draws


def _corrected(pairs: Sequence[Pair]) -> list[Pair]:
    adjusted = holm(np.array([pair.p for pair in pairs]))
    return [replace(pair, p_holm=float(p)) for pair, p in zip(pairs, adjusted)]


def _loss(
    grid: str,
    model: str,
    tables: Sequence[pd.DataFrame],
    cells: pd.DataFrame,
    bootstrap: Bootstrap,
) -> Loss:
    lost = [_lost(table, grid) for table in tables]
    scored = [table.loc[each.index] for table, each in zip(tables, lost)]
    draws = [_draws(each["group"], bootstrap) for each in scored]
    of_runs = [
        (float(each.to_numpy().mean()), *_interval(each.to_numpy(np.float64), own))
        for each, own in zip(lost, draws)
    ]
    loss, low, high = of_runs[0]
    if len(of_runs) > 1:
        loss, low, high, _ = runs.estimate(of_runs, draws[0].n_clusters)
    inside = noise_cells.distinct(cells.loc[(cells["grid"] == grid) & (cells["kind"] == "weights")])
    return Loss(
        grid=grid,
        model=naming.model(model),
        clean=float(np.mean([each["clean"].mean() for each in scored])),
        loss=loss,
        low=low,
        high=high,
        kappa=float(noise_cells.column(inside, "kappa").mean()),
        n_videos=len(lost[0]),
    )


def _judged(loss: Loss, pairs: Sequence[Pair]) -> Loss:
    """The loss with the models that lose more, and less."""
    more, less = [], []
    for pair in pairs:
        if pair.grid == loss.grid and pair.weaker and loss.model in (pair.first, pair.second):
            rival = pair.second if pair.first == loss.model else pair.first
            (less if pair.weaker == loss.model else more).append(rival)
    return replace(loss, more=tuple(more), less=tuple(less))


def _finding(grid: str, losses: Sequence[Loss], pairs: Sequence[Pair]) -> str:
    """Which models lose most and least, and how many pairs differ; losses are not tested alone."""
    inside = sorted((loss for loss in losses if loss.grid == grid), key=lambda each: each.loss)
    compared = [pair for pair in pairs if pair.grid == grid]
    sure = [pair for pair in compared if pair.weaker]
    least, most = inside[0], inside[-1]
    start = noise_cells.grid_title(grid)
    if not compared:
        return f"{start}: {most.model} loses {_points(most)}; there is no other model."
    ends = (
        f"{start}: {most.model} loses most ({_points(most)}) and {least.model} least "
        f"({_points(least)}); {len(sure)} of {len(compared)} pairs of models differ"
    )
    both = {most.model, least.model}
    told = any({pair.first, pair.second} == both for pair in sure)
    return f"{ends}, {'these two among them' if told else 'these two not among them'}."


def _points(loss: Loss) -> str:
    """For example "40.0 points, 39.2 to 40.8"."""
    ends = rounding.interval(loss.low, loss.high, 1, loss.loss)
    return f"{rounding.number(loss.loss, 1)} points" + (f", {ends}" if ends else "")
