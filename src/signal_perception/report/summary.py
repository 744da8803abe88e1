"""The study in a handful of numbers per model: what `dvc metrics diff` of two experiments compares.

Rounded to what a reader compares: percent to two decimals, shares to three. Intervals stand in the
tables, and `signal-perception compare` reads them there.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import pandas as pd

from signal_perception.report.findings import motion
from signal_perception.report.results import depth, noise_cells
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.noise_cells import THIRDS
from signal_perception.report.results.tables import Results

NONE_SHOWN = "none shown"
_PERCENT, _SHARE = 2, 3

Numbers = dict[str, float | str]


def summary(results: Iterable[Results], reading: Reading) -> dict[str, dict[str, Numbers]]:
    """Data set → model → numbers, each absent where it was not measured.

    top1: percent. retention: mean over all cells of noise on weights, 1 is all, 0 is chance; absent
    where the model is not shown to be above chance. weakest_third: that which loses more than both
    others after Holm, in the first grid of thirds, or NONE_SHOWN; weakest_third_top1: its mean
    there, percent. motion_share: of the taps of Figure 1, those whose clip has more than its static
    control after Holm.
    """
    return {
        each.dataset: {
            model: numbers for model in each.models if (numbers := _of(each, model, reading))
        }
        for each in results
    }


def weakest_third(contrasts: pd.DataFrame) -> tuple[str, str] | None:
    """Grid and third of a model's first grid of thirds; the third is empty where none is shown.

    None where no grid compares the thirds.
    """
    tested = contrasts.loc[
        (contrasts["k"] == 1)
        & (contrasts["kind"] == "weights")
        & contrasts["first"].isin(THIRDS)
        & contrasts["second"].isin(THIRDS)
    ]
    for grid, inside in tested.groupby("grid", sort=False):
        if len(inside) == len(list(combinations(THIRDS, 2))):
            weaker = list(inside["weaker"])
            beyond = [third for third in THIRDS if weaker.count(third) == len(THIRDS) - 1]
            return str(grid), beyond[0] if beyond else ""
    return None


def _of(results: Results, model: str, reading: Reading) -> Numbers:
    found: Numbers = {}
    metrics = results.accuracy.get(model)
    if metrics:
        found["top1"] = round(metrics["top1"], _PERCENT)
    if model in results.noise:
        cells = results.noise[model]
        cells = cells.loc[cells["kind"] == "weights"]
        if metrics and above_chance(metrics) and len(cells):
            mean = float(noise_cells.column(noise_cells.distinct(cells), "retention").mean())
            found["retention"] = round(mean, _SHARE)
        found |= _weakest(results.contrasts.get(model), cells)
    if model in results.depth:
        found |= _motion({model: results.depth[model]}, reading)
    return found


def above_chance(metrics: Mapping) -> bool:
    """Whether the lower bound of a model's top-1 is above chance; not where it has no bound."""
    return metrics["low1"] is not None and metrics["low1"] > metrics["chance1"]


def _weakest(contrasts: pd.DataFrame | None, cells: pd.DataFrame) -> Numbers:
    tested = None if contrasts is None or contrasts.empty else weakest_third(contrasts)
    if tested is None:
        return {}
    grid, third = tested
    if not third:
        return {"weakest_third": NONE_SHOWN}
    inside = cells.loc[(cells["grid"] == grid) & (cells["panel"] == third)]
    top1 = float(noise_cells.column(noise_cells.distinct(inside), "top1_mean").mean())
    return {"weakest_third": third, "weakest_third_top1": round(top1, _PERCENT)}


def _motion(table: depth.Tables, reading: Reading) -> Numbers:
    answers: Sequence[motion.Motion] = motion.answers(table, reading)
    for answer in answers:
        total = sum(counts.total for counts in answer.kinds.values())
        if total:
            more = sum(counts.more for counts in answer.kinds.values())
            return {"motion_share": round(more / total, _SHARE)}
    return {}
