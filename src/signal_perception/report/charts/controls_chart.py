"""One model and its controls along the depth, beside the input pixels themselves."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import depth_choices, depth_layers, depth_rows, depth_steps
from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import depth, naming
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.vocabulary import INPUT, INPUTS

# A control that lies further than this below everything else is counted; drawn, it would squeeze
# the axis.
_FAR = 2.0
_KEY = "one"
_PIXELS = f"datum.tap === '{INPUT}'"


def controls_chart(rows: pd.DataFrame, tables: Tables, reading: Reading) -> Chart | None:
    """None where no model has a control.

    rows: from `placed`, of the table per tap of each model, which tables are.
    """
    if not depth.controls(tables):
        return None
    chosen = {
        "control": list(INPUTS),
        "quantity": ["delta"],
        "statistic": [reading.statistic],
        "point": [reading.point],
    }
    taps = depth_rows.along(rows, chosen, ["control"])
    found = pd.concat([taps, _pixels(tables, chosen, list(taps))], ignore_index=True)
    found = found.rename(columns={"control": "clip"})
    if not len(depth.numbers(found, "value")):
        return None
    return Chart(
        name="controls",
        title="Figure 1, controls",
        caption=[depth_choices.HOVER, *spectral_captions.controls(tables, reading)],
        table=found,
        spec=_spec(found),
        figure="controls",
    )


def _pixels(tables: Tables, chosen: dict[str, list[str]], columns: list[str]) -> pd.DataFrame:
    """Δ of the input pixels, in rows like those of taps, without a place."""
    parts = []
    for model, table in tables.items():
        keep = table["tap"] == INPUT
        for column, values in chosen.items():
            keep &= table[column].isin(values)
        rows = table.loc[keep].assign(model=naming.model(model), kind="pixels")
        parts.append(rows.reindex(columns=columns))
    return depth_rows.whole(pd.concat(parts, ignore_index=True))


def _spec(found: pd.DataFrame) -> dict[str, Any]:
    names = list(dict.fromkeys(found["model"]))
    look = depth_layers.of_controls(set(found["clip"]))
    limits = _limits(found)
    y = depth_layers.value_axis("Δ log amplitude", limits, _KEY)
    tooltip = depth_layers.tooltip("Δ", list(found), "model", "clip", "tap", "kind")
    parts = depth_layers.drawn(look, y, tooltip, where=f"!({_PIXELS})", dashed=True)
    pixels = alt.Chart(name="pixels").transform_filter(_PIXELS)
    pixels = pixels.mark_rule(clip=True, strokeWidth=1, opacity=0.9)
    pixels = pixels.encode(y=y, color=look.color, strokeDash=look.dash, tooltip=tooltip)
    clicked = depth_choices.clicked("clip")
    parts[-1] = parts[-1].add_params(clicked)
    return depth_layers.finished(
        [pixels, *parts, depth_layers.beyond(limits, _KEY)],
        [depth_choices.model(names)],
        [
            depth_steps.only("datum.model === one"),
            depth_choices.in_clicked(clicked),
            *depth_steps.at_places("'a'", "clip", keep=_PIXELS),
            *depth_steps.in_words("clip"),
        ],
        "Lines of Δ log amplitude of one model against normalised depth, for the clip and for each "
        "control; horizontal lines are the input pixels.",
    )


def _limits(found: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Of each model: the clip, the pixels, 0, and the controls that are near."""
    ends = {}
    for model, part in found.groupby("model", sort=False):
        clip = part.loc[part["clip"] == "clip"]
        near = [0.0, *depth.numbers(clip, "value", "low", "high")]
        lowest = min(near) - _FAR
        values = [*near, *depth.numbers(part, "value", "low", "high")]
        values = [value for value in values if value >= lowest]
        more = 0.06 * max(float(np.ptp(values)), 1e-3)
        ends[str(model)] = (min(values) - more, max(values) + more)
    return ends
