"""Top-1 of every cell of noise against κ, with the best decreasing curve."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import noise_captions
from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice, in_legend
from signal_perception.report.findings.kappa import Curve
from signal_perception.report.results import naming, noise_cells

_COLUMNS = {
    "sigma": "sigma",
    "gamma": "gamma",
    "rho": "rho",
    "kappa": "kappa",
    "top1_mean": "top1",
    "top1_low": "low",
    "top1_high": "high",
    "fit": "curve",
    "clean_top1": "clean",
    "chance_top1": "chance",
    "repeats": "repeats",
    "n_videos": "videos",
}
# Largest κ over smallest from which the axis is logarithmic.
_DECADE = 10


def kappa_chart(curves: Sequence[Curve], dataset: str) -> Chart | None:
    """All cells of one model at a time; None where none has a κ."""
    if not curves:
        return None
    table = pd.concat(map(_cells, curves), ignore_index=True)
    titles = [title for curve in curves for title in curve.residuals]
    return Chart(
        "kappa",
        "Accuracy against κ",
        noise_captions.kappa(curves),
        table,
        _spec(table, titles),
        figure=f"{dataset}-kappa",
    )


def _cells(curve: Curve) -> pd.DataFrame:
    found = curve.cells.loc[:, list(_COLUMNS)].rename(columns=_COLUMNS)
    found.insert(0, "model", naming.model(curve.model))
    found.insert(1, "panel", [noise_cells.plain(title) for title in curve.cells["title"]])
    return found


def _spec(table: pd.DataFrame, titles: Sequence[str]) -> dict[str, Any]:
    far = max(table["kappa"]) >= _DECADE * min(table["kappa"])
    clicked = in_legend("panels", "panel")
    looks = marks.of_panels(titles)
    rows = (
        marks.chart("rows")
        .transform_filter("datum.model == model")
        .transform_calculate(interval=marks.interval("low", "high"))
    )
    ends = alt.Scale(type="log", nice=False, padding=12) if far else alt.Scale(type="linear")
    x = alt.X(
        "kappa",
        type="quantitative",
        title="κ, amplitude of the noise relative to the weights",
        scale=ends,
        axis=alt.Axis(format="~g"),
    )
    shown = {
        "x": x,
        "color": marks.colour("panel", looks),
        "opacity": marks.chosen(clicked, 0.85),
        "tooltip": [
            alt.Tooltip("panel", type="nominal"),
            alt.Tooltip("top1", type="quantitative", format=".1f", title="top-1, %"),
            alt.Tooltip("interval", type="nominal", title="95 % interval"),
            alt.Tooltip("curve", type="quantitative", format=".1f", title="curve, %"),
            alt.Tooltip("kappa", type="quantitative", format=".3~g", title="κ"),
            alt.Tooltip("sigma", type="quantitative", format="~g", title="σ"),
            alt.Tooltip("gamma", type="quantitative", format="~g", title="γ"),
            alt.Tooltip("rho", type="quantitative", format="~g", title="ρ"),
            alt.Tooltip("videos", type="quantitative"),
            alt.Tooltip("repeats", type="quantitative"),
        ],
    }
    scale = alt.Scale(domain=[0, 100], nice=False)
    bounds = (
        rows.transform_filter("isValid(datum.low)")
        .mark_rule(aria=False)
        .encode(**shown | {"opacity": marks.chosen(clicked, 0.35)})
        .encode(y=alt.Y("low", type="quantitative"), y2="high")
    )
    dots = (
        rows.mark_point(filled=True, size=55)
        .encode(
            y=alt.Y("top1", type="quantitative", title="top-1, %", scale=scale),
            shape=marks.shape("panel", looks),
            **shown,
        )
        .add_params(clicked)
    )
    curve = rows.mark_line(color=marks.DARK, strokeWidth=1.6).encode(
        x=x, y=alt.Y("curve", type="quantitative", scale=scale)
    )
    return marks.layers(
        *(_level(rows, name, dash) for name, dash in (("clean", [5, 3]), ("chance", [2, 3]))),
        bounds.properties(name="intervals"),
        curve.properties(name="curve"),
        dots.properties(name="dots"),
        params=[choice("model", "Model", list(dict.fromkeys(table["model"])))],
        description="Top-1 of every cell of the chosen model against the relative amplitude of the "
        "noise, as dots by panel with one decreasing curve.",
        height=360,
    )


def _level(rows: alt.Chart, name: str, dash: list[int]) -> alt.Chart:
    return (
        rows.transform_aggregate(level=f"max({name})")
        .mark_rule(color=marks.GREY, strokeDash=dash, strokeWidth=1.5)
        .encode(
            y=alt.Y("level", type="quantitative"),
            tooltip=[alt.Tooltip("level", type="quantitative", format=".2f", title=f"{name}, %")],
        )
        .properties(name=name)
    )
