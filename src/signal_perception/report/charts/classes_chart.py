"""How many videos of each class a model gets right."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results

_ORDERS = ["lowest first", "highest first", "by name"]


def classes_chart(results: Results) -> Chart | None:
    """A row per class, of one model at a time; None where no model has any."""
    if not results.classes:
        return None
    return Chart(
        "classes",
        "Top-1 of each class",
        [
            "Percent of a class's test videos that are right, with the 95 % interval over sources, "
            "of each class alone: with many classes some lie far from their true value. No "
            "interval: all videos are from one source."
        ],
        _table(results.classes),
        _spec(list(results.classes)),
    )


def _table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    columns = ["class", "n", "correct", "top1", "low", "high"]
    parts = []
    for model, table in tables.items():
        part = table.loc[:, columns].rename(columns={"n": "videos"})
        part.insert(0, "model", naming.model(model))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _spec(models: list[str]) -> dict[str, Any]:
    base = (
        marks.chart("classes")
        .transform_filter("datum.model == model")
        .transform_calculate(
            interval=marks.interval("low", "high"),
            place="datum.top1 * (order == 'highest first' ? -1 : order == 'by name' ? 0 : 1)",
        )
    )
    tooltip = [
        alt.Tooltip("class", type="nominal"),
        alt.Tooltip("top1", type="quantitative", format=".2f", title="top-1, %"),
        alt.Tooltip("interval", type="nominal", title="95 % interval"),
        alt.Tooltip("correct", type="quantitative", title="videos right"),
        alt.Tooltip("videos", type="quantitative", title="of videos"),
    ]
    y = alt.Y(
        "class",
        type="nominal",
        sort=alt.EncodingSortField("place", op="min", order="ascending"),
        title=None,
        axis=alt.Axis(labelLimit=180),
    )
    looks = marks.of_models(models)
    # one model is drawn at a time, so its colour needs no legend
    shown = {"color": marks.colour("model", looks).legend(None), "tooltip": tooltip}
    bars = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False, strokeWidth=1.5)
        .encode(x=alt.X("low", type="quantitative"), x2="high", y=y, **shown)
        .properties(name="intervals")
    )
    dots = (
        base.mark_point(filled=True, size=45, opacity=1)
        .encode(
            x=alt.X(
                "top1",
                type="quantitative",
                title="top-1, % of the class's test videos",
                scale=alt.Scale(domain=[0, 100], nice=False),
            ),
            y=y,
            shape=marks.shape("model", looks).legend(None),
            **shown,
        )
        .properties(name="dots")
    )
    return marks.layers(
        bars,
        dots,
        params=[
            choice("model", "Model", [naming.model(model) for model in models]),
            choice("order", "Order", _ORDERS),
        ],
        description="Top-1 of every class, of the chosen model, as dots with 95 % intervals.",
        height=alt.Step(15),
    )
