"""Other weights of one model along the depth: Δ beside its own, or the paired difference."""

from typing import Any

import pandas as pd

from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import (
    depth_choices,
    depth_layers,
    depth_rows,
    depth_steps,
    inputs,
)
from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import depth, naming, weights
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.weights import Others
from signal_perception.vocabulary import CLIP

# What is shown → its control in the tables and its name for readers.
_SHOWN = {weights.DIFFERENCE: "other − own, paired", CLIP: "Δ of each"}


def weights_chart(others: Others, owns: Tables, reading: Reading, dataset: str) -> Chart | None:
    """None where there are no other weights.

    others: model → weights → table per tap, those `weights.present`. owns: model → table per tap
    with the data set's own weights.
    """
    if not others:
        return None
    found = _rows(others, owns, reading, dataset)
    if not len(depth.numbers(found, "value")):
        return None
    return Chart(
        name="weights",
        title="Other weights along the depth, and their difference to own ones",
        caption=[
            depth_choices.HOVER,
            *spectral_captions.weights_by_choice(others, owns, reading, dataset),
        ],
        table=found,
        spec=_spec(found, others, dataset),
        figure="weights",
    )


def _rows(others: Others, owns: Tables, reading: Reading, dataset: str) -> pd.DataFrame:
    """Δ and differences, by weights: own ones first."""
    chosen = {
        "control": list(_SHOWN),
        "quantity": ["delta"],
        "statistic": [reading.statistic],
        "point": [reading.point],
    }
    drawn = {dataset: {model: table for model, table in owns.items() if model in others}}
    for each in weights.every(others):
        drawn[each] = {model: tables[each] for model, tables in others.items() if each in tables}
    parts = []
    for each, tables in drawn.items():
        rows = depth_rows.along(depth_rows.placed(tables), chosen, ["control"])
        rows.insert(1, "weights", weights.name(each, dataset))
        parts.append(rows)
    found = pd.concat(parts, ignore_index=True)
    return found.rename(columns={"control": "show"})


def _spec(found: pd.DataFrame, others: Others, dataset: str) -> dict[str, Any]:
    names = [naming.model(model) for model in others]
    called = [weights.name(each, dataset) for each in weights.every(others)]
    look = depth_layers.of_weights(weights.name(dataset, dataset), called)
    differences = found["show"] == weights.DIFFERENCE
    limits = {
        **depth_rows.limits(found.loc[differences], ["show"], least=0.1),
        **depth_rows.limits(found.loc[~differences], ["show"]),
    }
    y = depth_layers.value_axis("Δ log amplitude, or its difference", limits, "show")
    tooltip = depth_layers.tooltip("value", list(found), "model", "weights", "tap", "kind")
    # Δ of each is not tested, so its markers are whole
    differs = f"datum.show !== '{weights.DIFFERENCE}' || {depth_layers.SURE}"
    parts = depth_layers.drawn(look, y, tooltip, dashed=True, tested=True, sure=differs)
    clicked = depth_choices.clicked("weights")
    parts[-1] = parts[-1].add_params(clicked)
    return depth_layers.finished(
        parts,
        [
            depth_choices.model(names),
            inputs.choice("show", "Show", list(_SHOWN), list(_SHOWN.values())),
        ],
        [
            depth_steps.only("datum.show === show && datum.model === one"),
            *depth_steps.at_places("'a'", "weights"),
            depth_choices.in_clicked(clicked),
            *depth_steps.in_words("weights"),
        ],
        "Lines of Δ log amplitude of one model against normalised depth, one per weights, or of "
        "the difference to its own weights.",
    )
