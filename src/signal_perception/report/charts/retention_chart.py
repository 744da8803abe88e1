"""What each panel of noise leaves of each model's accuracy."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import noise_captions
from signal_perception.report.charts import marks, panel_means
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice
from signal_perception.report.results import noise_cells, palette

# Retention above which the scheme is too light for white letters.
_LIGHT = 0.55


def retention_chart(means: pd.DataFrame, dataset: str) -> Chart | None:
    """A cell per model and panel; None without any. means: of `panel_means`."""
    if means.empty:
        return None
    table = panel_means.named(means)
    panels = [noise_cells.plain(title) for title in palette.order(means["title"])]
    return Chart(
        "retention",
        "Retention by model and panel",
        [
            "Mean retention of top-1 over the cells of a panel. Panels with other κ are not "
            f"disturbed alike; the contrasts are what is tested. {panel_means.INTERVALS}",
            f"{noise_captions.RETENTION} A model that is not shown to be above chance has none; "
            "where a cell is empty, a model has no such panel.",
            noise_captions.KAPPA,
        ],
        table,
        _spec(table, panels),
        figure=f"{dataset}-models",
    )


def _spec(table: pd.DataFrame, panels: Sequence[str]) -> dict[str, Any]:
    rows = (
        marks.chart("rows")
        .transform_filter("datum.grid == grid")
        .transform_calculate(
            interval=marks.interval("retention_low", "retention_high", 2),
            text="isValid(datum.retention) ? format(datum.retention, '.2f') : 'at chance'",
        )
    )
    place = {
        "x": alt.X(
            "panel",
            type="nominal",
            sort=list(panels),
            title=None,
            axis=alt.Axis(labelAngle=0, labelLimit=140),
        ),
        "y": alt.Y(
            "model",
            type="nominal",
            sort=list(dict.fromkeys(table["model"])),
            title=None,
            axis=alt.Axis(labelLimit=160),
        ),
        "tooltip": [
            alt.Tooltip("model", type="nominal"),
            alt.Tooltip("panel", type="nominal"),
            alt.Tooltip("text", type="nominal", title="retention"),
            alt.Tooltip("interval", type="nominal", title="95 % interval"),
            alt.Tooltip("top1", type="quantitative", format=".1f", title="mean top-1, %"),
            alt.Tooltip("kappa", type="quantitative", format=".3~g", title="mean κ"),
            alt.Tooltip("cells", type="quantitative"),
            alt.Tooltip("videos", type="quantitative"),
            alt.Tooltip("sources", type="quantitative"),
        ],
    }
    colour = alt.Color(
        "retention",
        type="quantitative",
        title="retention",
        scale=alt.Scale(domain=[0, 1], clamp=True, scheme="viridis"),
        legend=alt.Legend(orient="top", gradientLength=160),
    )
    columns = max(len(set(part["panel"])) for _, part in table.groupby("grid"))
    known = "isValid(datum.retention)"
    light = alt.when(f"!isValid(datum.retention) || datum.retention > {_LIGHT}")
    letters = light.then(alt.value(marks.ON_LIGHT)).otherwise(alt.value(marks.ON_DARK))
    edges: dict[str, Any] = {"stroke": marks.EDGE}
    cells = rows.transform_filter(known).mark_rect(**edges).encode(color=colour, **place)
    empty = rows.transform_filter(f"!{known}").mark_rect(color=marks.EMPTY, **edges)
    size = marks.size(columns, 6, 13)
    numbers = marks.in_cells(rows, "text", letters, place, size=size, dy=-6)
    bounded, size = (
        rows.transform_filter("isValid(datum.retention_low)"),
        marks.size(columns, 9, 10),
    )
    bounds = marks.in_cells(bounded, "interval", letters, place, size=size, dy=9)
    return marks.layers(
        empty.encode(**place).properties(name="empty"),
        cells.properties(name="cells"),
        numbers.properties(name="numbers"),
        bounds.properties(name="intervals"),
        params=[choice("grid", "Grid", list(dict.fromkeys(table["grid"])))],
        description="Mean retention of every model under noise in every panel of the chosen grid, "
        "as a map with a number in each cell.",
        height=alt.Step(40),
    )
