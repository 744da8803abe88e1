"""Which third of each model breaks first under noise."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.report.charts import marks, panel_means
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice, in_legend, known
from signal_perception.report.findings import thirds
from signal_perception.report.results import noise_cells, runs
from signal_perception.report.results.noise_cells import THIRDS
from signal_perception.report.results.tables import Results

_NOT_COMPARED = "not compared"
_MEASURES = {"top1": "top-1, %", "retention": "retention"}


def thirds_chart(means: pd.DataFrame, results: Results) -> Chart | None:
    """Three dots and a verdict per model; None without grids of thirds. means: of `panel_means`."""
    inside = means.loc[means["panel"].isin(THIRDS)] if len(means) else means
    if inside.empty:
        return None
    verdicts = {(each.model, each.grid): each.verdict for each in thirds.thirds(results)}
    names = zip(inside["model"], inside["grid"])
    table = panel_means.named(inside).rename(columns={"panel": "third"})
    table = table.assign(
        third=list(inside["panel"]),
        verdict=[verdicts.get(name, _NOT_COMPARED) for name in names],
    )
    return Chart(
        "thirds",
        "Which third breaks first",
        [
            f"Mean over the cells of each third of a model's layers. {panel_means.INTERVALS} They "
            "do not say which thirds differ: the words do, from the contrasts of top-1, paired by "
            "video and repeat, with p after Holm's correction over all pairs of a model. First or "
            "last: the third loses more, or less, than both others.",
            runs.in_words(runs.numbers(results.contrasts), "intervals"),
        ],
        table.reset_index(drop=True),
        _spec(table),
    )


def _spec(table: pd.DataFrame) -> dict[str, Any]:
    titles = noise_cells.titles(THIRDS)
    looks: dict[str, tuple[str, str]] = dict(zip(THIRDS, marks.of_panels(titles.values()).values()))
    measures = known(table, _MEASURES)
    clicked = in_legend("thirds", "third")
    models = list(dict.fromkeys(table["model"]))
    rows = marks.chart("rows").transform_filter("datum.grid == grid")
    numbers = (
        rows.transform_calculate(
            value="datum[measure]", low="datum[measure + '_low']", high="datum[measure + '_high']"
        )
        .transform_filter("isValid(datum.value)")
        .transform_calculate(
            text="format(datum.value, measure == 'retention' ? '.2f' : '.1f')",
            interval=f"measure == 'retention' ? ({marks.interval('low', 'high', 2)})"
            f" : ({marks.interval('low', 'high')})",
        )
    )
    y = alt.Y("model", type="nominal", sort=models, title=None, axis=alt.Axis(labelLimit=200))
    shown = {
        "y": y,
        "yOffset": alt.YOffset(
            "third", type="nominal", scale=alt.Scale(domain=["words", *THIRDS], padding=0.4)
        ),
        "color": marks.colour("third", looks, "third"),
        "opacity": marks.chosen(clicked),
        "tooltip": [
            alt.Tooltip("model", type="nominal"),
            alt.Tooltip("third", type="nominal"),
            alt.Tooltip("text", type="nominal", title="mean"),
            alt.Tooltip("interval", type="nominal", title="interval"),
            alt.Tooltip("verdict", type="nominal"),
            alt.Tooltip("kappa", type="quantitative", format=".3~g", title="mean κ"),
            alt.Tooltip("cells", type="quantitative"),
            alt.Tooltip("videos", type="quantitative"),
            alt.Tooltip("sources", type="quantitative"),
        ],
    }
    scale = _reach(table)
    bars = (
        numbers.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False, strokeWidth=1.6)
        .encode(x=alt.X("low", type="quantitative"), x2="high", **shown)
    )
    dots = (
        numbers.mark_point(filled=True, size=70)
        .encode(
            x=alt.X(
                "value",
                type="quantitative",
                title="as chosen: mean top-1 in %, or mean retention",
                scale=scale,
            ),
            shape=marks.shape("third", looks, "third"),
            **shown,
        )
        .add_params(clicked)
    )
    words = (
        rows.transform_aggregate(
            verdict="min(verdict)",
            reason="max(no_retention)",
            groupby=["model", "verdict", "no_retention"],
        )
        .transform_calculate(
            words="datum.verdict + (measure == 'retention' && datum.no_retention"
            " ? '; no retention: at chance' : '')"
        )
        .mark_text(align="left", dx=4, fontSize=11, color=marks.DARK, x=0)
        .encode(y=y, yOffset=alt.YOffsetDatum("words"), text=alt.Text("words", type="nominal"))
    )
    return marks.layers(
        bars.properties(name="intervals"),
        dots.properties(name="dots"),
        words.properties(name="verdicts"),
        params=[
            choice("grid", "Grid", list(dict.fromkeys(table["grid"]))),
            choice("measure", "Show", list(measures), list(measures.values())),
        ],
        description="Mean top-1 or retention of every model with noise in its front, middle and "
        "rear third, as dots, and which third is shown to break first.",
        height=alt.Step(52, **{"for": "position"}),
    )


def _reach(table: pd.DataFrame) -> alt.Scale:
    """0 to 100 %; retention from 0 to 1, or as far as intervals go."""
    bounds = table.loc[:, ["retention", "retention_low", "retention_high"]].to_numpy(float)
    known = bounds[np.isfinite(bounds)]
    low, high = min([0.0, *known]), max([1.0, *known])
    ends = [
        alt.expr(f"measure == 'retention' ? {end:.2f} : {percent}")
        for end, percent in ((low, 0), (high, 100))
    ]
    return alt.Scale(domain=ends, nice=False, zero=False)
