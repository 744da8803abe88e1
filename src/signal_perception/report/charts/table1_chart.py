"""Table 1 as dots: accuracy on the clips as they are, on controls, and what the poster printed."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice, in_legend
from signal_perception.report.findings import table1
from signal_perception.report.results import naming, runs
from signal_perception.report.results.tables import Results

_CLIP, _POSTER = "as it is", "the poster's model"
# What a model was shown → colour and symbol; after Okabe and Ito.
_LOOKS = {
    _CLIP: ("#0072b2", "circle"),
    "static": ("#d55e00", "square"),
    "shuffled": ("#cc79a7", "diamond"),
    "reversed": ("#009e73", "triangle-left"),
    _POSTER: (marks.DARK, "stroke"),
}


def table1_chart(results: Results, source: Mapping[str, Any]) -> Chart | None:
    """A row per model; None where none was scored. source: of the data set, in the parameters."""
    if not results.accuracy:
        return None
    table = _table(results, source)
    return Chart(
        "table1",
        "Accuracy, and what is left of it without motion",
        _caption(results, table),
        table,
        _spec(table),
    )


def _table(results: Results, source: Mapping[str, Any]) -> pd.DataFrame:
    """A row per model, clip and k: percent with interval, videos right and scored, chance."""
    rows = []
    for row in table1.table(results, source):
        metrics = results.accuracy[row.model]
        clips = {_CLIP: metrics, **metrics["controls"]}
        for k in table1.RANKS:
            names = {"model": naming.model(row.model), "k": f"top-{k}"}
            rows += [
                names | {"clip": clip} | _numbers(each, metrics, k)
                for clip, each in clips.items()
                if f"top{k}" in each
            ]
            if row.printed:
                rows.append(names | {"clip": _POSTER, "percent": row.printed.percent(k)})
    # a column of nothing but missing intervals is one of numbers too
    return pd.DataFrame(rows).astype(dict.fromkeys(("low", "high"), float))


def _numbers(scores: Mapping, metrics: Mapping, k: int) -> dict[str, object]:
    return {
        "percent": scores[f"top{k}"],
        # a single source has no interval
        "low": scores.get(f"low{k}"),
        "high": scores.get(f"high{k}"),
        "correct": scores.get(f"correct{k}"),
        "videos": scores.get("total"),
        "clusters": metrics["n_clusters"],
        "chance": metrics[f"chance{k}"],
    }


def _caption(results: Results, table: pd.DataFrame) -> list[str]:
    clips = set(table["clip"])
    found = [
        "Percent of test videos that are right, with 95 % intervals over sources of videos. "
        f"Dotted: chance. {runs.in_words(_runs(results), 'intervals')}"
    ]
    if clips - {_CLIP, _POSTER}:
        found.append(
            "Static: the first frame repeated; shuffled and reversed: the same frames in another "
            "order. What is lost there is what the model takes from motion or its direction."
        )
    if _POSTER in clips:
        found.append("The poster's numbers are as printed; it gives no intervals.")
    return found


def _runs(results: Results) -> list[int]:
    return [metrics.get("n_runs", 1) for metrics in results.accuracy.values()]


def _spec(table: pd.DataFrame) -> dict[str, Any]:
    shown = {clip: look for clip, look in _LOOKS.items() if clip in set(table["clip"])}
    models = list(dict.fromkeys(table["model"]))
    clips = in_legend("clips", "clip")
    base = (
        marks.chart("table1")
        .transform_filter("datum.k == k")
        .transform_calculate(interval=marks.interval("low", "high"))
    )
    x = alt.X(
        "percent",
        type="quantitative",
        title="right, % of test videos",
        scale=alt.Scale(domain=[0, 100], nice=False),
    )
    y = alt.Y("model", type="nominal", sort=models, title=None, axis=alt.Axis(labelLimit=200))
    # beside each other, so that equal numbers do not hide each other
    beside = alt.YOffset("clip", type="nominal", sort=list(shown), scale=alt.Scale(padding=0.3))
    tooltip = [
        alt.Tooltip("model", type="nominal"),
        alt.Tooltip("clip", type="nominal"),
        alt.Tooltip("percent", type="quantitative", format=".2f", title="right, %"),
        alt.Tooltip("interval", type="nominal", title="95 % interval"),
        alt.Tooltip("correct", type="quantitative", title="videos right"),
        alt.Tooltip("videos", type="quantitative", title="of videos"),
        alt.Tooltip("clusters", type="quantitative", title="sources"),
        alt.Tooltip("chance", type="quantitative", format=".2f", title="chance, %"),
    ]
    colour = marks.colour("clip", shown, "clip")
    bars = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False, strokeWidth=2)
        .encode(
            x=alt.X("low", type="quantitative"),
            x2="high",
            y=y,
            yOffset=beside,
            color=colour,
            opacity=marks.chosen(clips),
            tooltip=tooltip,
        )
        .properties(name="intervals")
    )
    dots = (
        base.mark_point(filled=True, size=70, strokeWidth=2)
        .encode(
            x=x,
            y=y,
            yOffset=beside,
            color=colour,
            shape=marks.shape("clip", shown, "clip"),
            opacity=marks.chosen(clips),
            tooltip=tooltip,
        )
        .add_params(clips)
        .properties(name="dots")
    )
    chance = (
        base.transform_aggregate(chance="max(chance)")
        .mark_rule(color=marks.GREY, strokeDash=[2, 3])
        .encode(
            x=alt.X("chance", type="quantitative"),
            tooltip=[alt.Tooltip("chance", type="quantitative", format=".2f", title="chance, %")],
        )
        .properties(name="chance")
    )
    return marks.layers(
        chance,
        bars,
        dots,
        params=[choice("k", "Right at", [f"top-{k}" for k in table1.RANKS])],
        description="Accuracy of every model on the test clips and on controls, as dots with "
        "95 % intervals.",
        height=alt.Step(max(9 * len(shown), 20), **{"for": "position"}),
    )
