"""Is it motion? Clip minus static control along the depth, all models in one panel."""

from collections.abc import Sequence
from typing import Any

import altair as alt
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
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables

# A difference further above 0 is not drawn but counted: the static clip has next to nothing there,
# and the axis of all models would be its alone.
FAR = 5.0
_EVERY = "all"


def motion_chart(rows: pd.DataFrame, tables: Tables, reading: Reading) -> Chart | None:
    """None where no model has a static control.

    rows: from `placed`, of the table per tap of each model, which tables are.
    """
    tables = {model: table for model, table in tables.items() if depth.has_static(table)}
    chosen = {
        "control": [depth.DIFFERENCE],
        "quantity": ["delta"],
        "statistic": [reading.statistic],
        "point": list(depth_choices.BINS),
    }
    found = depth_rows.along(rows, chosen, ["point"]).rename(columns={"point": "bin"})
    if not len(depth.numbers(found, "value")):
        return None
    return Chart(
        name="motion",
        title="Is it motion? Clip minus static control along the depth",
        caption=[depth_choices.CLICK, *spectral_captions.motion(tables, reading)],
        table=found,
        spec=_spec(found, list(tables), reading),
        figure="motion",
    )


def _spec(found: pd.DataFrame, models: Sequence[str], reading: Reading) -> dict[str, Any]:
    names = list(dict.fromkeys(found["model"]))
    limits = depth_rows.limits(found.loc[~(found["value"] > FAR)], ["bin"], least=0.25)
    y = depth_layers.value_axis("clip − static, Δ log amplitude", limits, "bin")
    tooltip = depth_layers.tooltip("clip − static", list(found), "model", "tap", "kind")
    parts = depth_layers.drawn(depth_layers.of_models(models), y, tooltip, tested=True)
    clicked = depth_choices.clicked()
    parts[-1] = parts[-1].add_params(clicked)
    return depth_layers.finished(
        [*parts, depth_layers.beyond(limits, "bin")],
        [depth_choices.models(names), _taps(found), depth_choices.bins(found, reading)],
        [
            depth_steps.only("datum.bin === bin"),
            *depth_steps.at_places("'a'"),
            depth_steps.only(f"taps === '{_EVERY}' || datum.kind === taps"),
            *depth_choices.of_chosen(clicked),
            *depth_steps.in_words(),
        ],
        "Lines of clip minus static control against normalised depth, one per model: above 0 is "
        "motion, at 0 the model's own time code.",
    )


def _taps(found: pd.DataFrame) -> alt.Parameter:
    kinds = [kind for kind in depth.KINDS if kind in set(found["kind"])]
    return inputs.choice("taps", "Taps", [_EVERY, *kinds] if len(kinds) > 1 else [_EVERY])
