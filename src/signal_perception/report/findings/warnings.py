"""What is to be read before the numbers of a data set, because it makes them mislead."""

from collections.abc import Mapping
from typing import Any

from signal_perception.clips.oddities import mirrored, said_of_mirrored
from signal_perception.decode import table as decoding
from signal_perception.report.results import naming, rounding
from signal_perception.report.results.tables import Results


def warnings(results: Results, dataset: Mapping[str, Any]) -> list[str]:
    """A sentence for each: one class alone, sources in both splits, mirrored classes, chance.

    dataset: its entry in the parameters.
    """
    found = []
    if results.decode is not None:
        found += decoding.oddities(results.decode, results.dataset)
        pairs = mirrored(decoding.classes(results.decode)) if dataset.get("flip") else []
        found += [said_of_mirrored(results.dataset, pairs)] if pairs else []
    at_chance = [model for model, metrics in results.accuracy.items() if _at_chance(metrics)]
    return found + [_said_of_chance(model, results.accuracy[model]) for model in at_chance]


def _at_chance(metrics: Mapping[str, Any]) -> bool:
    # what the stage says is of one run
    if "above_chance" in metrics and "n_runs" not in metrics:
        return not metrics["above_chance"]
    low = metrics["low1"]
    return low is None or low <= metrics["chance1"]


def _said_of_chance(model: str, metrics: Mapping[str, Any]) -> str:
    interval = (
        "all test videos come from one source"
        if metrics["low1"] is None
        else rounding.interval(metrics["low1"], metrics["high1"], 1, metrics["top1"])
    )
    return (
        f"{naming.model(model)} is not shown to be above chance: top-1 is {metrics['top1']:.2f} % "
        f"({interval}), and a guess has {metrics['chance1']:.2f} %. Its spectra and its robustness "
        "are those of a model that may not have learnt the task."
    )
