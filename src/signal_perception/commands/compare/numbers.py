"""Which numbers of two experiments differ by more than chance.

A number moved where p is below 0.05 after Holm's correction over all numbers of its kind on a data
set. Numbers that are the same to the last digit were not measured again, or nothing came of it:
they are counted, not tested.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signal_perception.commands.compare import paired, unpaired
from signal_perception.commands.compare.revisions import Experiment
from signal_perception.report.results import depth, noise_cells
from signal_perception.report.results.tables import Results
from signal_perception.statistics.comparison import holm
from signal_perception.vocabulary import CLIP

Both = tuple[Results, Results]

_LEVEL = 0.05
PAIRED, UNPAIRED = "paired by video", "from both intervals"
POINTS, AMPLITUDE = "points", "log amplitude"
# What the kinds of numbers are called.
TOP, UNDER_NOISE, CELL = "top-{k}", "top-1 under noise", "top-1 in a cell of noise"
# What is disturbed, and how: cells of two grids that agree in it are one.
_CELL = ["component", "pool", "kind", "layers", "pool_layers", "sigma", "gamma"]
SPECTRA = {CLIP: "Δ log amplitude (Figure 1)", depth.DIFFERENCE: "clip − static"}


@dataclass(frozen=True)
class Number:
    """One number of both experiments.

    kind: what it is, e.g. "top-1". place: of which tap or cell, empty where it is the model's only
    one. how: PAIRED or UNPAIRED. first, second: the number itself. difference, low, high (95 %), p:
    second less first, NaN where an experiment has no interval. n_videos: that both have, 0 where
    it is not PAIRED.
    """

    dataset: str
    model: str
    kind: str
    place: str
    unit: str
    how: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    n_videos: int = 0
    p_holm: float = float("nan")

    @property
    def same(self) -> bool:
        """Whether nothing was there to test."""
        return self.difference == self.low == self.high == 0

    @property
    def moved(self) -> bool:
        return self.p_holm < _LEVEL


def numbers(first: Experiment, second: Experiment) -> list[Number]:
    """All numbers that both experiments have, with Holm's correction, in the report's order."""
    known = {each.dataset: each for each in first.results}
    found = []
    for new in second.results:
        old = known.get(new.dataset)
        if old is None:
            continue
        for model in new.models:
            found += _accuracy(model, (old, new), (first, second))
            found += _under_noise(model, (old, new), second)
            found += _spectra(model, (old, new), second)
            found += _cells(model, (old, new))
    return _corrected(found)


def cells(results: Sequence[Results]) -> set[tuple]:
    """Names of all cells of noise of an experiment, by data set and model."""
    return {
        (each.dataset, model, *row)
        for each in results
        for model, table in each.noise.items()
        for row in table.loc[:, _CELL].itertuples(index=False)
    }


def _accuracy(
    model: str, results: Both, experiments: tuple[Experiment, Experiment]
) -> Iterator[Number]:
    """Top-1 and top-5, by their intervals where the experiments share no video."""
    if not all(model in each.accuracy for each in results):
        return
    dataset = results[1].dataset
    before, after = (paired.of_runs(each, dataset, model) for each in experiments)
    metrics = [each.accuracy[model] for each in results]
    for k in (1, 5):
        what = (dataset, model, TOP.format(k=k), "", POINTS)
        old, new = (_ends(each, (f"top{k}", f"low{k}", f"high{k}")) for each in metrics)
        found = paired.accuracy(before, after, k, experiments[1])
        if found:
            yield _number(what, PAIRED, (old[0], new[0]), *found)
        else:
            clusters = min(each["n_clusters"] for each in metrics)
            yield _number(what, UNPAIRED, (old[0], new[0]), unpaired.difference(old, new, clusters))


def _under_noise(model: str, results: Both, experiment: Experiment) -> Iterator[Number]:
    """Mean top-1 over the cells of each grid."""
    old, new = (each.robustness.get(model, ()) for each in results)
    for grid, found in paired.under_noise(old, new, experiment).items():
        what = (results[1].dataset, model, UNDER_NOISE, noise_cells.grid_title(grid), POINTS)
        yield _number(what, PAIRED, *found)


def _spectra(model: str, results: Both, experiment: Experiment) -> Iterator[Number]:
    """Taps of Figure 1 whose T' is the same in both."""
    if not all(model in each.depth for each in results):
        return
    tables = [each.depth[model] for each in results]
    clusters = min(int(noise_cells.column(each, "n_clusters").min()) for each in tables)
    for control, kind in SPECTRA.items():
        old, new = (depth.profile(t, "a", experiment.reading, control=control) for t in tables)
        both = old.merge(new, on=["tap", "tokens"], suffixes=("_old", "_new"))
        for row in both.dropna(subset=["value_old", "value_new"]).to_dict("records"):
            one, other = unpaired.sides(row, ("value", "low", "high"))
            what = (results[1].dataset, model, kind, str(row["tap"]), AMPLITUDE)
            change = unpaired.difference(one, other, clusters)
            yield _number(what, UNPAIRED, (one[0], other[0]), change)


def _cells(model: str, results: Both) -> Iterator[Number]:
    """Top-1 in each cell of noise that both experiments have."""
    if not all(model in each.noise for each in results):
        return
    columns = ["grid", "panel", "rho", "top1_mean", "top1_low", "top1_high", "n_clusters"]
    tables = (noise_cells.distinct(each.noise[model]) for each in results)
    old, new = (table.loc[:, [*_CELL, *columns]] for table in tables)
    both = old.merge(new, on=_CELL, suffixes=("_old", "_new"))
    for row in both.to_dict("records"):
        one, other = unpaired.sides(row, ("top1_mean", "top1_low", "top1_high"))
        clusters = int(min(row["n_clusters_old"], row["n_clusters_new"]))
        what = (results[1].dataset, model, CELL, _cell(row), POINTS)
        yield _number(what, UNPAIRED, (one[0], other[0]), unpaired.difference(one, other, clusters))


def _number(
    what: tuple[str, str, str, str, str],
    how: str,
    values: tuple[float, float],
    estimate: tuple[float, float, float, float],
    n_videos: int = 0,
) -> Number:
    return Number(*what, how, *values, *estimate, n_videos=n_videos)


def _ends(metrics: dict, names: Sequence[str]) -> list[float]:
    # JSON has null for an interval of one cluster
    return [float("nan") if metrics[name] is None else float(metrics[name]) for name in names]


def _cell(row: dict) -> str:
    """A cell at its first place in the grids, e.g. "Figure 4, rear, σ 4, γ 0.45, ρ 1"."""
    kind = "" if row["kind"] == "weights" else f" ({row['kind']})"
    place = f"{noise_cells.grid_title(row['grid_new'])}, {row['panel_new']}{kind}"
    return f"{place}, σ {row['sigma']:g}, γ {row['gamma']:g}, ρ {row['rho_new']:g}"


def _corrected(found: Sequence[Number]) -> list[Number]:
    """All numbers with Holm's correction over those of a data set and kind that were tested."""
    p: NDArray[np.float64] = np.full(len(found), np.nan)
    for family in dict.fromkeys((each.dataset, each.kind) for each in found):
        inside = [
            place
            for place, each in enumerate(found)
            if (each.dataset, each.kind) == family and not each.same
        ]
        if inside:
            p[inside] = holm(np.array([found[place].p for place in inside]))
    return [replace(each, p_holm=float(value)) for each, value in zip(found, p, strict=True)]
