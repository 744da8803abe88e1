"""Tables of several fine-tuning runs of a model as one: means, with intervals and p over runs.

One run's table stays as it is. A combined one has the column `n_runs`; what is neither an estimate
nor named in a `Kind` is that of the first run, hashes among it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.noise import findings
from signal_perception.pipeline.errors import UserError
from signal_perception.statistics.comparison import holm
from signal_perception.statistics.runs import combine

_PERCENT = (0.0, 100.0)
_FREE = (-np.inf, np.inf)
# Estimates of the metrics of the stage evaluate: value, low, high.
_SCORES = (("top1", "low1", "high1"), ("top5", "low5", "high5"), ("ece", "ece_low", "ece_high"))
# Counts of scored videos over all repeats and runs; counts of videos, of the run that has fewest.
_SUMS = ("tied_videos", "nan_videos")
_LEAST = ("n_videos", "n_clusters")


@dataclass(frozen=True)
class Kind:
    """How tables of one kind are combined.

    keys: what names a row. estimates: columns of value, low and high, and between what numbers they
    lie; where there is a p, it is that of the last one. means: columns that are averaged. family:
    columns in which the rows agree that Holm corrects together; None where no p is corrected.
    lacking: quantities of which a run leaves out rows without a value.
    """

    keys: tuple[str, ...]
    estimates: tuple[tuple[str, str, str, tuple[float, float]], ...]
    means: tuple[str, ...]
    family: tuple[str, ...] | None = None
    lacking: tuple[str, ...] = ()


_CELL = ("grid", "panel", "kind", "sigma", "gamma", "rho")
_VALUE = (("value", "low", "high", _FREE),)
_DIFFERENCE = (("difference", "low", "high", _FREE),)
# Folder of reports/tables → its kind.
KINDS = {
    "spectra": Kind(
        ("transform", "quantity", "statistic", "control", "tap", "bin"),
        _VALUE,
        ("dead_share", "epsilon"),
        family=("transform", "quantity", "statistic", "control", "kind", "side", "bin"),
        lacking=("discriminability",),
    ),
    "depth": Kind(
        ("quantity", "statistic", "point", "control", "tap"),
        _VALUE,
        ("dead_share",),
        family=("quantity", "statistic", "point", "control", "kind", "side"),
    ),
    "noise": Kind(
        _CELL,
        (
            *((f"top{k}_mean", f"top{k}_low", f"top{k}_high", _PERCENT) for k in (1, 5)),
            ("retention", "retention_low", "retention_high", _FREE),
        ),
        ("kappa", "top1_sd", "top5_sd", "clean_top1", "clean_top5", "robustness"),
    ),
    "contrasts": Kind(
        ("grid", "kind", "k", "first", "second"), _DIFFERENCE, ("kappa_first", "kappa_second")
    ),
    # the last estimate is the one that p is of
    "probe": Kind(
        ("tap",),
        (
            ("top1", "low", "high", _PERCENT),
            ("cka", "cka_low", "cka_high", (-np.inf, 1.0)),
            ("difference", "difference_low", "difference_high", (-100.0, 100.0)),
        ),
        ("correct", "own_top1", "cka_of_shuffled"),
        family=("weights",),
    ),
    "noise_spectra": Kind((*_CELL, "tap"), _DIFFERENCE, ("kappa", "clean", "delta"), family=_CELL),
}


def table(folder: str, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of a model's runs as one; UserError where they are not about the same things.

    folder: of reports/tables, which says what kind they are.
    """
    if len(tables) == 1 or all(each.empty for each in tables):
        return tables[0]
    kind = KINDS[folder]
    tables = _aligned(folder, kind, tables)
    found = tables[0].copy()
    for name in (name for name in kind.means if name in found):
        found[name] = _stacked(tables, name).mean(axis=0)
    for names, reduce in ((_SUMS, np.sum), (_LEAST, np.min)):
        for name in (name for name in names if name in found):
            found[name] = reduce([each[name] for each in tables], axis=0)
    for *names, bounds in kind.estimates:
        value, low, high = (_stacked(tables, name) for name in names)
        over = combine(value, low, high, _numbers(found, "n_clusters"), bounds=bounds)
        found = found.assign(**dict(zip(names, (over.value, over.low, over.high))))
        if "p" in found:
            tested = ~np.isnan(_stacked(tables, "p")).any(axis=0)
            found["p"] = np.where(tested, over.p, np.nan)
    if "reason" in found:
        for each in tables[1:]:
            found["reason"] = found["reason"].replace("", None).fillna(each["reason"])
    if folder == "contrasts":
        found = findings.with_findings(found)
    elif kind.family is not None:
        found = _corrected(found, kind.family)
    return found.assign(n_runs=len(tables))


def accuracy(metrics: Sequence[dict]) -> dict:
    """Metrics of the stage evaluate of a model's runs as one.

    Percentages and counts of right videos are means, with intervals over runs and videos; tied and
    not_finite of the run that has most. n_runs; runs1, runs5: top-1 and top-5 of each run;
    weights_sha256: of all of them, with spaces between.
    """
    if len(metrics) == 1:
        return metrics[0]
    clusters = min(each["n_clusters"] for each in metrics)
    controls = {
        name: _scores([each["controls"][name] for each in metrics], clusters)
        for name in metrics[0]["controls"]
        if all(name in each["controls"] for each in metrics)
    }
    return _scores(metrics, clusters) | {
        "controls": controls,
        "weights_sha256": " ".join(each["weights_sha256"] for each in metrics),
        "n_runs": len(metrics),
        "runs1": [each["top1"] for each in metrics],
        "runs5": [each["top5"] for each in metrics],
    }


def curves(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Training curves of a model's runs one below the other; several have a column `run`.

    tables: seed of the run → its curve.
    """
    if len(tables) == 1:
        return next(iter(tables.values()))
    return pd.concat([each.assign(run=seed) for seed, each in tables.items()], ignore_index=True)


def estimate(
    values: Sequence[tuple[float, ...]], clusters: int, bounds: tuple[float, float] = _FREE
) -> tuple[float, float, float, float]:
    """Value, low, high and p over runs, from value, low and high of each."""
    value, low, high = np.array(values, np.float64).T[:, :, None]
    over = combine(value, low, high, np.array([clusters]), bounds=bounds)
    return float(over.value[0]), float(over.low[0]), float(over.high[0]), float(over.p[0])


def in_words(counts: Iterable[int], what: str = "bands") -> str:
    """What bands, or intervals, say of training; counts: how many runs models have."""
    counts = set(counts)
    if counts <= {1}:
        return f"Training variance is not in the {what}: each model was fine-tuned once."
    low, high = min(counts), max(counts)
    times = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"Means over {times} fine-tuning runs of each model; the {what} are over runs and videos "
        "(Student's t)."
    )


def numbers(tables: Mapping[str, pd.DataFrame]) -> set[int]:
    """How many runs the tables of models are of."""
    return {number(table) for table in tables.values()}


def number(table: pd.DataFrame) -> int:
    """How many runs a table is of."""
    return int(table["n_runs"].iloc[0]) if "n_runs" in table and len(table) else 1


def _scores(parts: Sequence[dict], clusters: int) -> dict[str, Any]:
    found: dict[str, Any] = dict(parts[0])
    for names in _SCORES:
        if names[0] in found:
            of_runs = [tuple(each[name] for name in names) for each in parts]
            found |= dict(zip(names, estimate(of_runs, clusters, _PERCENT)))
    for name in ("correct1", "correct5"):
        found[name] = float(np.mean([each[name] for each in parts]))
    for name in ("tied", "not_finite"):
        found[name] = max(each.get(name, 0) for each in parts)
    return found


def _stacked(tables: Sequence[pd.DataFrame], name: str) -> NDArray[np.float64]:
    """A column of all runs (runs, rows)."""
    return np.stack([_numbers(each, name) for each in tables])


def _numbers(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return table.loc[:, name].to_numpy(np.float64)


def _corrected(found: pd.DataFrame, family: Sequence[str]) -> pd.DataFrame:
    """The table with p after Holm within each family; NaN where nothing was tested."""
    # an empty text is read back as NaN, and is a value like any other
    families = found.groupby(list(family), sort=False, dropna=False)
    corrected = families["p"].transform(lambda p: holm(p.to_numpy(np.float64)))
    return found.assign(p_holm=corrected)


def _names(keys: pd.DataFrame) -> pd.Series:
    """One text for each row."""
    return pd.Series(["|".join(map(str, row)) for row in keys.itertuples(index=False)], keys.index)


def _aligned(folder: str, kind: Kind, tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """The rows that all tables have, in the order of the first."""
    keys = list(kind.keys)
    first = tables[0].loc[:, keys]
    if all(each.loc[:, keys].equals(first) for each in tables):
        return list(tables)
    names = [_names(each.loc[:, keys]) for each in tables]
    common = set(names[0]).intersection(*names[1:])
    for each, own in zip(tables, names):
        alone = each.loc[~own.isin(common)]
        if len(alone) and not (kind.lacking and alone["quantity"].isin(kind.lacking).all()):
            raise UserError(
                f"The tables of reports/tables/{folder} of {each['model'].iloc[0]} on "
                f"{each['dataset'].iloc[0]} have other rows in one run than in another; bring all "
                "runs up to date (signal-perception repro)."
            )
    order = [name for name in names[0] if name in common]
    return [
        each.set_axis(own, axis=0).loc[order].reset_index(drop=True)
        for each, own in zip(tables, names)
    ]
