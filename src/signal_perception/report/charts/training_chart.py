"""How the models learnt: loss, top-1 and learning rate by epoch."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import training_captions
from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice, in_legend, known
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results

_TRAINING, _VALIDATION = "training", "validation"
# Column → what readers choose.
_MEASURES = {"loss": "loss", "top1": "top-1, %", "lr": "learning rate"}
# The columns of each part of the training videos → what they are called in the table.
_PARTS = {
    _TRAINING: {"loss": "loss", "top1": "top1", "lr": "lr"},
    _VALIDATION: {"validation_loss": "loss", "validation_top1": "top1"},
}
# Epochs up to which each has a dot of its own on the line.
_DOTS = 60


def training_chart(results: Results) -> Chart | None:
    """A line per model, run and part of the videos; None where no model was trained."""
    if not results.curves:
        return None
    table = _table(results.curves)
    return Chart(
        "curves",
        "Fine-tuning",
        [
            "Means over the clips of an epoch; they are what training saw, so they have no "
            "intervals.",
            *training_captions.curves(results.curves),
        ],
        table,
        _spec(table, list(results.curves)),
        figure=f"{results.dataset}-curves",
    )


def _table(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per model, run, part and epoch (from 1)."""
    parts = []
    for model, curve in curves.items():
        for part, columns in _PARTS.items():
            there = {name: to for name, to in columns.items() if name in curve}
            if not there or curve.loc[:, list(there)].isna().all(axis=None):
                continue
            kept = curve.loc[:, list(there)].rename(columns=there)
            runs = curve.get("run", 0)
            names = {"model": naming.model(model), "run": runs, "part": part}
            parts.append(
                pd.DataFrame({**names, "epoch": curve["epoch"] + 1}, index=curve.index).join(kept)
            )
    return pd.concat(parts, ignore_index=True)


def _spec(table: pd.DataFrame, models: list[str]) -> dict[str, Any]:
    measures = known(table, _MEASURES)
    looks = marks.of_models(models)
    clicked = in_legend("models", "model")
    base = (
        marks.chart("curves")
        .transform_calculate(value="datum[measure]")
        .transform_filter("isValid(datum.value)")
    )
    shown = {
        "x": alt.X("epoch", type="quantitative", title="epoch", axis=alt.Axis(tickMinStep=1)),
        "y": alt.Y(
            "value",
            type="quantitative",
            title="as chosen: loss, top-1 in % or learning rate",
            scale=alt.Scale(zero=True),
        ),
        "color": marks.colour("model", looks, "model"),
        "opacity": marks.chosen(clicked),
        "tooltip": [
            alt.Tooltip("model", type="nominal"),
            alt.Tooltip("part", type="nominal", title="videos of"),
            alt.Tooltip("run", type="quantitative", title="seed of the run"),
            alt.Tooltip("epoch", type="quantitative"),
            alt.Tooltip("value", type="quantitative", format=".4~g"),
        ],
    }
    parts = [part for part in _PARTS if part in set(table["part"])]
    lines = (
        base.mark_line(strokeWidth=1.6)
        .encode(
            strokeDash=alt.StrokeDash(
                "part",
                type="nominal",
                scale=alt.Scale(domain=list(_PARTS), range=[[1, 0], [5, 3]]),
                legend=alt.Legend(title="videos", orient="top") if len(parts) > 1 else None,
            ),
            detail=alt.Detail("run", type="nominal"),
            **shown,
        )
        .properties(name="lines")
    )
    size = 30 if max(table["epoch"]) <= _DOTS else 8
    dots = (
        base.mark_point(filled=True, size=size)
        .encode(shape=marks.shape("model", looks, "model"), **shown)
        .add_params(clicked)
        .properties(name="dots")
    )
    return marks.layers(
        lines,
        dots,
        params=[choice("measure", "Show", list(measures), list(measures.values()))],
        description="Loss, top-1 or learning rate of every model by epoch, as lines.",
    )
