"""What the stages found, read from the tables that they wrote."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from signal_perception import tabular
from signal_perception.decode import table as decoding
from signal_perception.pipeline.dvcfile import Stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Study
from signal_perception.report.results import noise_cells, runs
from signal_perception.report.results.columns import ACCURACY, TABLES

# Columns of names, which are read as they are: a class may be called NA, a subject 1.
_NAMES = ("class", "label", "predicted", "video", "group")


@dataclass(frozen=True)
class Results:
    """The results of one data set: by model what was run, None or absent what was not.

    models: those of the study, in its order. decode: verdict of each video. accuracy: metrics of
    the stage evaluate. spectra, depth: tables of the stage spectra, a row per bin and per tap, with
    the weights fine-tuned on this data set. others: model → other weights → table per tap.
    curves: of the stage finetune. noise, contrasts, robustness, noise_spectra: of the stage noise,
    a row per place of a cell (see `noise_cells.with_clean_low`), per pair of panels, per video, and
    per tap. classes, confusion, calibration, correct: of the stage evaluate, a row per class, per
    pair of classes, per bin of confidence, and per video. probes: model → weights, own ones first →
    a row per tap, of the stage probe.

    Several runs of a model are one table, see `runs`, but for robustness, a table for each run, and
    for the four last, which are of the first run.
    """

    dataset: str
    models: tuple[str, ...]
    decode: pd.DataFrame | None
    accuracy: Mapping[str, dict]
    spectra: Mapping[str, pd.DataFrame]
    depth: Mapping[str, pd.DataFrame]
    noise: Mapping[str, pd.DataFrame]
    curves: Mapping[str, pd.DataFrame]
    others: Mapping[str, Mapping[str, pd.DataFrame]] = field(default_factory=dict)
    contrasts: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    robustness: Mapping[str, Sequence[pd.DataFrame]] = field(default_factory=dict)
    noise_spectra: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    classes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    confusion: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    calibration: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    correct: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    probes: Mapping[str, Mapping[str, pd.DataFrame]] = field(default_factory=dict)


def read_study(study: Study, stages: Mapping[str, Stage]) -> list[Results]:
    """The results of each data set of the study; a file that is not there was not run.

    UserError where no model was scored, measured or disturbed.

    Parameters
    ----------
    stages: by DVC's name, see `dvcfile.stages`; their outputs are read.
    """
    results = [_read(dataset, study, stages) for dataset in study.datasets]
    if not any(each.accuracy or each.spectra or each.noise for each in results):
        raise UserError(
            "There are no results of this study to report yet; run dvc repro, which runs the "
            "stages before."
        )
    return results


def _read(dataset: str, study: Study, stages: Mapping[str, Stage]) -> Results:
    models = study.models

    def files(stage: str, folder: str, weights: str = "") -> dict[str, dict[int, Path]]:
        """Model → seed of the run → file, of the runs that have one."""
        paths = {
            model: {
                seed: stages[f"{stage}@{dataset}-{model}{weights}-{seed}"].out(f"reports/{folder}")
                for seed in study.seeds
            }
            for model in models
        }
        there = {
            model: {seed: path for seed, path in of_runs.items() if path.is_file()}
            for model, of_runs in paths.items()
        }
        return {model: of_runs for model, of_runs in there.items() if of_runs}

    def every(stage: str, folder: str, weights: str = "") -> dict[str, dict[int, pd.DataFrame]]:
        kind = folder.removeprefix("tables/")
        return {
            model: {seed: tabular.read(path, TABLES[kind]) for seed, path in of_runs.items()}
            for model, of_runs in files(stage, folder, weights).items()
        }

    def tables(stage: str, folder: str, weights: str = "") -> dict[str, pd.DataFrame]:
        found = every(stage, f"tables/{folder}", weights)
        return {model: runs.table(folder, list(each.values())) for model, each in found.items()}

    def named(folder: str) -> dict[str, pd.DataFrame]:
        found = files("evaluate", f"tables/{folder}")
        return {
            model: _with_names(next(iter(each.values())), folder) for model, each in found.items()
        }

    decode = stages[f"decode@{dataset}"].out("reports/decode")
    # of the weights that were fine-tuned on this data set
    own = f"-{dataset}"
    others = {
        weights: tables("spectra", "depth", f"-{weights}")
        for weights in study.weights
        if weights != dataset
    }
    ordered = sorted(study.weights, key=lambda weights: weights != dataset)
    probes = {weights: tables("probe", "probe", f"-{weights}") for weights in ordered}
    accuracy = {
        model: runs.accuracy([tabular.read_json(path, ACCURACY) for path in each.values()])
        for model, each in files("evaluate", "metrics").items()
    }
    return Results(
        dataset,
        models,
        decode=decoding.read(decode) if decode.is_file() else None,
        accuracy=accuracy,
        spectra=tables("spectra", "spectra", own),
        depth=tables("spectra", "depth", own),
        noise={
            model: noise_cells.with_clean_low(table, accuracy.get(model))
            for model, table in tables("noise", "noise").items()
        },
        contrasts=tables("noise", "contrasts"),
        robustness={
            model: list(each.values())
            for model, each in every("noise", "tables/robustness").items()
        },
        noise_spectra=tables("noise", "noise_spectra"),
        curves={model: runs.curves(each) for model, each in every("finetune", "curves").items()},
        others=_by_model(models, others),
        classes=named("classes"),
        confusion=named("confusion"),
        calibration=named("calibration"),
        correct=named("correct"),
        probes=_by_model(models, probes),
    )


def _with_names(path: Path, kind: str) -> pd.DataFrame:
    """A table in which an empty cell is NaN, but an empty text where names stand."""
    columns = tabular.columns(path, TABLES[kind])
    nothing = {column: [""] for column in columns if column not in _NAMES}
    names: dict[Hashable, type[str]] = {name: str for name in columns if name in _NAMES}
    return tabular.read(path, TABLES[kind], dtype=names, keep_default_na=False, na_values=nothing)


def _by_model(
    models: Sequence[str], others: Mapping[str, Mapping[str, pd.DataFrame]]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Tables by weights, then model → by model, then weights; no model that has none."""
    found = {
        model: {weights: tables[model] for weights, tables in others.items() if model in tables}
        for model in models
    }
    return {model: tables for model, tables in found.items() if tables}
