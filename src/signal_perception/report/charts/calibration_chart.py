"""Is a model right as often as it is sure? Accuracy over confidence."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results

_COLUMNS = {
    "low": "from",
    "high": "to",
    "n": "videos",
    "confidence": "confidence",
    "accuracy": "top1",
    "accuracy_low": "low",
    "accuracy_high": "high",
}


def calibration_chart(results: Results) -> Chart | None:
    """A dot per bin of confidence that has videos, of one model at a time; None without any."""
    table = _table(results.calibration)
    if table.empty:
        return None
    return Chart(
        "calibration",
        "Calibration",
        [
            "Top-1 of the videos of each bin of confidence, the probability of the predicted class:"
            " above the dotted line a model is right more often than it is sure. Larger dots have "
            "more videos; bars are 95 % intervals, each for its bin alone, and a bin of one source "
            "has none."
        ],
        table,
        _spec(list(results.calibration)),
        figure=f"{results.dataset}-calibration",
    )


def _table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per model and bin with videos; percent."""
    parts = []
    for model, table in tables.items():
        filled = table.loc[table["n"] > 0, list(_COLUMNS)].rename(columns=_COLUMNS)
        filled.insert(0, "model", naming.model(model))
        parts.append(filled)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _spec(models: list[str]) -> dict[str, Any]:
    base = (
        marks.chart("calibration")
        .transform_filter("datum.model == model")
        .transform_calculate(
            interval=marks.interval("low", "high"), bin="datum.from + '–' + datum.to"
        )
    )
    looks = marks.of_models(models)
    scale = alt.Scale(domain=[0, 100], nice=False)
    x = alt.X(
        "confidence", type="quantitative", title="confidence in the predicted class, %", scale=scale
    )
    shown = {
        "color": marks.colour("model", looks).legend(None),
        "tooltip": [
            alt.Tooltip("confidence", type="quantitative", format=".1f", title="confidence, %"),
            alt.Tooltip("top1", type="quantitative", format=".1f", title="top-1, %"),
            alt.Tooltip("interval", type="nominal", title="95 % interval"),
            alt.Tooltip("videos", type="quantitative"),
        ],
    }
    bars = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False, strokeWidth=1.5)
        .encode(x=x, y=alt.Y("low", type="quantitative"), y2="high", **shown)
        .properties(name="intervals")
    )
    dots = (
        base.mark_point(filled=True, opacity=1)
        .encode(
            x=x,
            y=alt.Y("top1", type="quantitative", title="top-1, %", scale=scale),
            shape=marks.shape("model", looks).legend(None),
            size=alt.Size(
                "videos",
                type="quantitative",
                title="videos",
                scale=alt.Scale(range=[30, 400], zero=True),
                legend=alt.Legend(orient="top"),
            ),
            **shown,
        )
        .properties(name="dots")
    )
    # one for all bins, whatever the model
    diagonal = (
        base.transform_aggregate(rows="count()")
        .transform_calculate(ends="[0, 100]")
        .transform_flatten(["ends"], ["end"])
        .mark_line(color=marks.GREY, strokeDash=[2, 3])
        .encode(
            x=alt.X("end", type="quantitative", scale=scale),
            y=alt.Y("end", type="quantitative", scale=scale),
        )
        .properties(name="diagonal")
    )
    return marks.layers(
        diagonal,
        bars,
        dots,
        params=[choice("model", "Model", [naming.model(model) for model in models])],
        description="Top-1 against confidence, of the chosen model, as dots with 95 % intervals "
        "beside the diagonal of perfect calibration.",
        height=380,
    )
