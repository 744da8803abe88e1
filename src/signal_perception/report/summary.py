"""The study in a handful of numbers per model: what `dvc metrics diff` of two experiments compares.

Rounded to what a reader compares: percent to two decimals, shares to three. Intervals stand in the
tables, and `signal-perception compare` reads them there.
"""

from collections.abc import Iterable, Sequence

from signal_perception.report.findings import motion
from signal_perception.report.findings import thirds as findings
from signal_perception.report.findings.thirds import Thirds
from signal_perception.report.results import depth, noise_cells
from signal_perception.report.results.depth import Reading
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
    return {each.dataset: _dataset(each, reading) for each in results}


def _dataset(results: Results, reading: Reading) -> dict[str, Numbers]:
    """Model → numbers, of the models that have any."""
    thirds = findings.thirds(results)
    found = {model: _of(results, model, thirds, reading) for model in results.models}
    return {model: numbers for model, numbers in found.items() if numbers}


def _of(results: Results, model: str, thirds: Sequence[Thirds], reading: Reading) -> Numbers:
    found: Numbers = {}
    metrics = results.accuracy.get(model)
    if metrics:
        found["top1"] = round(metrics["top1"], _PERCENT)
    if model in results.noise:
        cells = results.noise[model]
        cells = cells.loc[cells["kind"] == "weights"]
        if len(cells) and noise_cells.retention_is_defined(cells).all():
            mean = float(noise_cells.column(noise_cells.distinct(cells), "retention").mean())
            found["retention"] = round(mean, _SHARE)
        found |= _weakest([t for t in thirds if t.model == model and t.kind == "weights"])
    if model in results.depth:
        found |= _motion({model: results.depth[model]}, reading)
    return found


def _weakest(found: Sequence[Thirds]) -> Numbers:
    """Of a model's first grid of thirds."""
    if not found:
        return {}
    weakest = found[0].weakest
    if not weakest:
        return {"weakest_third": NONE_SHOWN}
    return {
        "weakest_third": weakest,
        "weakest_third_top1": round(found[0].means[weakest].value, _PERCENT),
    }


def _motion(table: depth.Tables, reading: Reading) -> Numbers:
    answers: Sequence[motion.Motion] = motion.answers(table, reading)
    for answer in answers:
        total = sum(counts.total for counts in answer.kinds.values())
        if total:
            more = sum(counts.more for counts in answer.kinds.values())
            return {"motion_share": round(more / total, _SHARE)}
    return {}
