"""Which panel loses more: paired differences of all models, with what Holm leaves of them."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.cells_table import KINDS
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice, in_legend
from signal_perception.report.results import naming, noise_cells, runs

# Significance level after Holm's correction.
_LEVEL = 0.05
_COLUMNS = {
    "cells": "cells",
    "difference": "difference",
    "low": "low",
    "high": "high",
    "p": "p",
    "p_holm": "p_holm",
    "kappa_first": "kappa_first",
    "kappa_second": "kappa_second",
    "n_videos": "videos",
    "n_clusters": "sources",
}


def contrasts_chart(tables: Mapping[str, pd.DataFrame]) -> Chart | None:
    """A dot per model and pair of panels; None without pairs. tables: model → its contrasts."""
    having = {model: table for model, table in tables.items() if len(table)}
    if not having:
        return None
    table = pd.concat([_rows(model, each) for model, each in having.items()], ignore_index=True)
    return Chart(
        "contrasts",
        "Which panel breaks first",
        [
            "Accuracy of the first panel less that of the second, over their cells of equal σ, γ "
            "and ρ, paired by video and repeat: left of 0 the first one loses more. Filled: "
            "p < .05 after Holm's correction over all pairs of a model; the 95 % intervals are of "
            f"each pair alone. {runs.in_words(runs.numbers(having), 'intervals')} κ differs "
            "between panels: equal σ is not equal noise relative to the weights."
        ],
        table,
        _spec(table, list(having)),
    )


def _rows(model: str, table: pd.DataFrame) -> pd.DataFrame:
    titles = noise_cells.titles([*table["first"], *table["second"]])
    names = {panel: noise_cells.plain(title) for panel, title in titles.items()}
    found = pd.DataFrame(
        {
            "model": naming.model(model),
            "grid": [noise_cells.grid_title(grid) for grid in table["grid"]],
            "noise": [KINDS.get(kind, kind) for kind in table["kind"]],
            "k": [f"top-{k}" for k in table["k"]],
            "first": [names[panel] for panel in table["first"]],
            "second": [names[panel] for panel in table["second"]],
        },
        index=table.index,
    )
    return found.join(table.loc[:, list(_COLUMNS)].rename(columns=_COLUMNS)).assign(
        weaker=[names.get(panel, "none") for panel in table["weaker"]]
    )


def _spec(table: pd.DataFrame, models: list[str]) -> dict[str, Any]:
    looks = marks.of_models(models)
    clicked = in_legend("models", "model")
    rows = (
        marks.chart("rows")
        .transform_filter("datum.grid == grid && datum.k == k && datum.noise == noise")
        .transform_calculate(
            pair="datum.first + ' − ' + datum.second",
            interval=marks.interval("low", "high"),
            holm=marks.p("p_holm"),
            sure=f"isValid(datum.p_holm) && datum.p_holm < {_LEVEL} ? 'yes' : 'no'",
        )
    )
    bounds = table.loc[:, ["difference", "low", "high"]].to_numpy(float)
    far = float(np.ceil(np.nanmax(np.abs(bounds)) * 1.02 + 1e-9))
    x = alt.X(
        "difference",
        type="quantitative",
        title="first panel − second panel, points",
        scale=alt.Scale(domain=[-far, far], nice=False),
    )
    shown = {
        "y": alt.Y(
            "pair",
            type="nominal",
            sort=None,
            title=None,
            scale=alt.Scale(padding=0.1),
            axis=alt.Axis(labelLimit=240),
        ),
        "yOffset": alt.YOffset(
            "model", type="nominal", sort=list(looks), scale=alt.Scale(padding=0.3)
        ),
        "opacity": marks.chosen(clicked),
        "tooltip": [
            alt.Tooltip("model", type="nominal"),
            alt.Tooltip("pair", type="nominal"),
            alt.Tooltip("difference", type="quantitative", format=".1f", title="points"),
            alt.Tooltip("interval", type="nominal", title="95 % interval"),
            alt.Tooltip("holm", type="nominal", title="after Holm"),
            alt.Tooltip("weaker", type="nominal", title="loses more"),
            alt.Tooltip("kappa_first", type="quantitative", format=".3~g", title="κ of the first"),
            alt.Tooltip(
                "kappa_second", type="quantitative", format=".3~g", title="κ of the second"
            ),
            alt.Tooltip("cells", type="quantitative"),
            alt.Tooltip("videos", type="quantitative"),
            alt.Tooltip("sources", type="quantitative"),
        ],
    }
    colour = marks.colour("model", looks, "model")
    bars = (
        rows.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False, strokeWidth=1.5)
        .encode(x=alt.X("low", type="quantitative"), x2="high", color=colour, **shown)
    )
    shape = marks.shape("model", looks, "model")
    dots = rows.mark_point(filled=True, size=60).encode(x=x, color=colour, shape=shape, **shown)
    hollow = rows.mark_point(fill=marks.EDGE, size=60, strokeWidth=1.6).encode(
        x=x, color=colour, shape=shape, **shown
    )
    zero = (
        rows.transform_aggregate(rows="count()")
        .transform_calculate(zero="0")
        .mark_rule(aria=False, color=marks.GREY)
        .encode(x=alt.X("zero", type="quantitative"))
    )
    return marks.layers(
        zero.properties(name="zero"),
        bars.properties(name="intervals"),
        dots.transform_filter("datum.sure == 'yes'").add_params(clicked).properties(name="sure"),
        hollow.transform_filter("datum.sure == 'no'").properties(name="unsure"),
        params=[
            choice("grid", "Grid", list(dict.fromkeys(table["grid"]))),
            choice("k", "Right at", list(dict.fromkeys(table["k"]))),
            choice("noise", "Noise", list(dict.fromkeys(table["noise"]))),
        ],
        description="Paired differences of accuracy between panels of every model, as dots with "
        "95 % intervals, filled where significant after Holm's correction.",
        height=alt.Step(15, **{"for": "offset"}),
    )
