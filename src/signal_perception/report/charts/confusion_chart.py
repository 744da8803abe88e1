"""Which classes a model takes for which: a matrix, or with many classes the commonest mistakes."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice
from signal_perception.report.findings import confusion
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results
from signal_perception.statistics.proportions import wilson

# With more classes a matrix has no room for numbers on a page.
MOST_CLASSES = 30
_WILSON = "Intervals: 95 %, Wilson's, as if all videos were independent."
_TOOLTIP = [
    alt.Tooltip("label", type="nominal", title="true class"),
    alt.Tooltip("predicted", type="nominal", title="taken for"),
    alt.Tooltip("videos", type="quantitative"),
    alt.Tooltip("total", type="quantitative", title="of videos of the class"),
    alt.Tooltip("percent", type="quantitative", format=".1f", title="%"),
    alt.Tooltip("interval", type="nominal", title="95 % interval"),
]


def confusion_chart(results: Results) -> Chart | None:
    """A cell or a row per pair of classes, of one model at a time; None where no model has any."""
    if not results.confusion:
        return None
    tables = results.confusion
    classes = confusion.class_names(tables.values())
    if len(classes) <= MOST_CLASSES:
        table, spec = _pairs(tables), _matrix(list(tables), classes, _has_no_score(tables))
        caption = f"Rows are true classes, columns what they are taken for; videos. {_WILSON}"
    else:
        table, spec = _mistakes(tables), _list(list(tables))
        caption = (
            f"The {confusion.PAIRS} pairs of classes of which most videos are confused, as percent "
            f"of the true class. {_WILSON}"
        )
    return Chart("confusion", "Confused classes", [caption], table, spec)


def _has_no_score(tables: Mapping[str, pd.DataFrame]) -> bool:
    return any((table["predicted"] == "").any() for table in tables.values())


def _pairs(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every pair with videos, right ones too; numbers as `confusion.Confusion` has them."""
    parts = []
    for model, table in tables.items():
        totals = table.groupby("label")["videos"].transform("sum")
        bounds = [wilson(*each) for each in zip(table["videos"], totals)]
        parts.append(
            pd.DataFrame(
                {
                    "model": naming.model(model),
                    "label": table["label"],
                    "predicted": table["predicted"].replace("", confusion.NO_SCORE),
                    "videos": table["videos"],
                    "total": totals,
                    "percent": 100 * table["videos"] / totals,
                    "low": [100 * low for low, _ in bounds],
                    "high": [100 * high for _, high in bounds],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _mistakes(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"model": naming.model(model), **vars(pair)}
            for model, table in tables.items()
            for pair in confusion.most_confused(table)
        ],
        columns=["model", "label", "predicted", "videos", "total", "percent", "low", "high"],
    )


def _base(name: str) -> alt.Chart:
    return (
        marks.chart(name)
        .transform_filter("datum.model == model")
        .transform_calculate(interval=marks.interval("low", "high"))
    )


def _matrix(models: list[str], classes: list[str], no_score: bool) -> dict[str, Any]:
    columns = [*classes, *([confusion.NO_SCORE] if no_score else [])]
    place = {
        "x": alt.X(
            "predicted",
            type="nominal",
            title="taken for",
            scale=alt.Scale(domain=columns),
            axis=alt.Axis(labelAngle=-45, labelLimit=120),
        ),
        "y": alt.Y(
            "label",
            type="nominal",
            title="true class",
            scale=alt.Scale(domain=classes),
            axis=alt.Axis(labelLimit=140),
        ),
        "tooltip": _TOOLTIP,
    }
    cells = (
        _base("cells")
        .mark_rect()
        .encode(
            color=alt.Color(
                "percent",
                type="quantitative",
                title="% of the true class",
                scale=alt.Scale(domain=[0, 100], scheme="blues"),
                legend=alt.Legend(orient="top", gradientLength=160),
            ),
            **place,
        )
    )
    light = alt.when("datum.percent > 60").then(alt.value(marks.ON_DARK))
    numbers = (
        _base("numbers")
        .mark_text(aria=False, fontSize=marks.size(len(columns), 3, 11))
        .encode(
            text=alt.Text("videos", type="quantitative"),
            color=light.otherwise(alt.value(marks.ON_LIGHT)),
            **place,
        )
    )
    return marks.layers(
        cells,
        numbers,
        params=[choice("model", "Model", [naming.model(model) for model in models])],
        description="Videos by true class and predicted class, of the chosen model, as a matrix "
        "of numbers.",
        height=alt.Step(24),
    )


def _list(models: list[str]) -> dict[str, Any]:
    base = _base("pairs").transform_calculate(pair="datum.label + ' → ' + datum.predicted")
    y = alt.Y(
        "pair",
        type="nominal",
        title="true class → taken for",
        sort=alt.EncodingSortField("videos", op="max", order="descending"),
        axis=alt.Axis(labelLimit=260),
    )
    bars = (
        base.mark_bar(color="#56b4e9")
        .encode(
            x=alt.X(
                "percent",
                type="quantitative",
                title="% of the true class",
                scale=alt.Scale(domain=[0, 100], nice=False),
            ),
            y=y,
            tooltip=_TOOLTIP,
        )
        .properties(name="bars")
    )
    bounds = (
        base.mark_rule(aria=False, color=marks.DARK, strokeWidth=1.5)
        .encode(x=alt.X("low", type="quantitative"), x2="high", y=y, tooltip=_TOOLTIP)
        .properties(name="intervals")
    )
    return marks.layers(
        bars,
        bounds,
        params=[choice("model", "Model", [naming.model(model) for model in models])],
        description="The pairs of classes that the chosen model confuses most, as bars with 95 % "
        "intervals.",
        height=alt.Step(18),
    )
