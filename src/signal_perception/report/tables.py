"""What the stages found, read from the tables that they wrote."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from signal_perception.decode import table as decoding
from signal_perception.pipeline.dvcfile import Stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Study


@dataclass(frozen=True)
class Results:
    """The results of one data set: by model what was run, None or absent what was not.

    models: those of the study, in its order. decode: verdict of each video. accuracy: metrics of
    the stage evaluate. spectra, depth: tables of the stage spectra, a row per bin and per tap, with
    the weights fine-tuned on this data set. others: model → other weights → table per tap.
    curves: of the stage finetune. noise, contrasts, robustness, noise_spectra: of the stage noise,
    a row per place of a cell, per pair of panels, per video, and per tap. probes: model → weights,
    own ones first → a row per tap, of the stage probe.
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
    robustness: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    noise_spectra: Mapping[str, pd.DataFrame] = field(default_factory=dict)
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

    def files(stage: str, folder: str, weights: str = "") -> dict[str, Path]:
        paths = {m: stages[f"{stage}@{dataset}-{m}{weights}"].out(folder) for m in models}
        return {model: path for model, path in paths.items() if path.is_file()}

    def tables(stage: str, folder: str, weights: str = "") -> dict[str, pd.DataFrame]:
        found = files(stage, f"reports/{folder}", weights)
        return {model: pd.read_csv(path) for model, path in found.items()}

    decode = stages[f"decode@{dataset}"].out("reports/decode")
    # of the weights that were fine-tuned on this data set
    own = f"-{dataset}"
    others = {
        weights: tables("spectra", "tables/depth", f"-{weights}")
        for weights in study.weights
        if weights != dataset
    }
    ordered = sorted(study.weights, key=lambda weights: weights != dataset)
    probes = {weights: tables("probe", "tables/probe", f"-{weights}") for weights in ordered}
    return Results(
        dataset,
        models,
        decode=decoding.read(decode) if decode.is_file() else None,
        accuracy={
            model: json.loads(path.read_text(encoding="utf-8"))
            for model, path in files("evaluate", "reports/metrics").items()
        },
        spectra=tables("spectra", "tables/spectra", own),
        depth=tables("spectra", "tables/depth", own),
        noise=tables("noise", "tables/noise"),
        contrasts=tables("noise", "tables/contrasts"),
        robustness=tables("noise", "tables/robustness"),
        noise_spectra=tables("noise", "tables/noise_spectra"),
        curves=tables("finetune", "curves"),
        others=_by_model(models, others),
        probes=_by_model(models, probes),
    )


def _by_model(
    models: Sequence[str], others: Mapping[str, Mapping[str, pd.DataFrame]]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Tables by weights, then model → by model, then weights; no model that has none."""
    found = {
        model: {weights: tables[model] for weights, tables in others.items() if model in tables}
        for model in models
    }
    return {model: tables for model, tables in found.items() if tables}
