"""What a grid of noise costs each model, and which models differ."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.report.captions import noise_captions
from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice
from signal_perception.report.findings.losses import Comparison
from signal_perception.report.results import noise_cells


def losses_charts(found: Comparison, scale: str, models: list[str]) -> list[Chart]:
    """Loss of each model, and the pairs of models; none where no model has any.

    scale: of σ, as the parameters have it. models: of the study, in its order.
    """
    if not found.losses:
        return []
    losses = _losses(found)
    charts = [
        Chart(
            "losses",
            "What noise costs each model",
            noise_captions.losses(found, scale),
            losses,
            _spec_of_losses(losses, models),
        )
    ]
    if found.pairs:
        pairs = _pairs(found)
        charts.append(
            Chart(
                "loss-pairs",
                "Models against each other under noise",
                [
                    "Points of top-1 that the model of the row loses more than that of the column, "
                    "over the same videos and repeats. * p < .05 after Holm's correction over all "
                    "pairs and grids of this data set."
                ],
                pairs,
                _spec_of_pairs(pairs),
            )
        )
    return charts


def _losses(found: Comparison) -> pd.DataFrame:
    rows = [
        {
            "grid": noise_cells.grid_title(loss.grid),
            "model": loss.model,
            "lost": loss.loss,
            "low": loss.low,
            "high": loss.high,
            "clean": loss.clean,
            "kappa": loss.kappa,
            "videos": loss.n_videos,
            "lose_more": ", ".join(loss.more) or "none",
            "lose_less": ", ".join(loss.less) or "none",
        }
        for loss in found.losses
    ]
    return pd.DataFrame(rows)


def _pairs(found: Comparison) -> pd.DataFrame:
    rows = [
        {
            "grid": noise_cells.grid_title(pair.grid),
            "first": pair.first,
            "second": pair.second,
            "difference": pair.difference,
            "low": pair.low,
            "high": pair.high,
            "p": pair.p,
            "p_holm": pair.p_holm,
            "loses_more": pair.weaker or "none",
            "videos": pair.n_videos,
            "sources": pair.n_clusters,
        }
        for pair in found.pairs
    ]
    return pd.DataFrame(rows)


def _spec_of_losses(table: pd.DataFrame, models: list[str]) -> dict[str, Any]:
    looks = marks.of_models(models)
    rows = (
        marks.chart("rows")
        .transform_filter("datum.grid == grid")
        .transform_calculate(interval=marks.interval("low", "high"))
    )
    shown = {
        "y": alt.Y(
            "model",
            type="nominal",
            sort=alt.EncodingSortField("lost", op="max", order="descending"),
            title=None,
            axis=alt.Axis(labelLimit=200),
        ),
        "color": marks.colour("model", looks).legend(None),
        "tooltip": [
            alt.Tooltip("model", type="nominal"),
            alt.Tooltip("lost", type="quantitative", format=".1f", title="lost, points"),
            alt.Tooltip("interval", type="nominal", title="95 % interval"),
            alt.Tooltip("clean", type="quantitative", format=".1f", title="clean top-1, %"),
            alt.Tooltip("kappa", type="quantitative", format=".3~g", title="mean κ"),
            alt.Tooltip("lose_more", type="nominal", title="lose more"),
            alt.Tooltip("lose_less", type="nominal", title="lose less"),
            alt.Tooltip("videos", type="quantitative"),
        ],
    }
    low = float(min([0.0, *table["lost"], *table["low"].dropna()]))
    bars = (
        rows.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False, strokeWidth=2)
        .encode(x=alt.X("low", type="quantitative"), x2="high", **shown)
    )
    dots = rows.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X(
            "lost",
            type="quantitative",
            title="lost top-1, points",
            scale=alt.Scale(domain=[float(np.floor(low)), 100], nice=False),
        ),
        shape=marks.shape("model", looks).legend(None),
        **shown,
    )
    return marks.layers(
        bars.properties(name="intervals"),
        dots.properties(name="dots"),
        params=[choice("grid", "Grid", list(dict.fromkeys(table["grid"])))],
        description="Points of top-1 that the noise of the chosen grid costs every model, as dots "
        "with 95 % intervals.",
        height=alt.Step(26),
    )


def _spec_of_pairs(table: pd.DataFrame) -> dict[str, Any]:
    models = list(dict.fromkeys([*table["first"], *table["second"]]))
    far = float(np.ceil(table["difference"].abs().max() + 1e-9))
    rows = (
        marks.chart("rows")
        .transform_filter("datum.grid == grid")
        .transform_calculate(
            interval=marks.interval("low", "high"),
            holm=marks.p("p_holm"),
            text="format(datum.difference, '+.1f') + (datum.loses_more == 'none' ? '' : ' *')",
        )
    )
    place = {
        "x": alt.X(
            "second",
            type="nominal",
            sort=models,
            title="minus loss of",
            axis=alt.Axis(labelAngle=-35, labelLimit=150),
        ),
        "y": alt.Y(
            "first", type="nominal", sort=models, title="loss of", axis=alt.Axis(labelLimit=160)
        ),
        "tooltip": [
            alt.Tooltip("first", type="nominal", title="loss of"),
            alt.Tooltip("second", type="nominal", title="less that of"),
            alt.Tooltip("difference", type="quantitative", format=".1f", title="points"),
            alt.Tooltip("interval", type="nominal", title="95 % interval"),
            alt.Tooltip("holm", type="nominal", title="after Holm"),
            alt.Tooltip("loses_more", type="nominal", title="loses more"),
            alt.Tooltip("videos", type="quantitative"),
            alt.Tooltip("sources", type="quantitative"),
        ],
    }
    cells = rows.mark_rect(stroke=marks.EDGE).encode(
        color=alt.Color(
            "difference",
            type="quantitative",
            title="points",
            scale=alt.Scale(domain=[-far, 0, far], range=["#0072b2", "#f2f2f2", "#d55e00"]),
            legend=alt.Legend(orient="top", gradientLength=160),
        ),
        **place,
    )
    strong = alt.when(f"abs(datum.difference) > {0.6 * far:g}")
    letters = strong.then(alt.value(marks.ON_DARK)).otherwise(alt.value(marks.ON_LIGHT))
    columns = len(models) - 1
    size = marks.size(columns, 7, 12)
    numbers = marks.in_cells(rows, "text", letters, place, size=size, dy=-6)
    known, size = rows.transform_filter("isValid(datum.low)"), marks.size(columns, 11, 10)
    bounds = marks.in_cells(known, "interval", letters, place, size=size, dy=8)
    return marks.layers(
        cells.properties(name="cells"),
        numbers.properties(name="numbers"),
        bounds.properties(name="intervals"),
        params=[choice("grid", "Grid", list(dict.fromkeys(table["grid"])))],
        description="Differences between the losses of every two models in the chosen grid, as a "
        "map with a number in each cell, marked where significant after Holm's correction.",
        height=alt.Step(36),
    )
