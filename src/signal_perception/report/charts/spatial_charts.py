"""Spectra over space, and over space and time: along the diagonal, and along the depth."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import (
    depth_choices,
    depth_layers,
    depth_rows,
    depth_steps,
    inputs,
)
from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import naming
from signal_perception.report.results.depth import Tables
from signal_perception.vocabulary import CLIP

_TRANSFORMS = {"spatial": "space", "spatiotemporal": "space and time"}
# The last bin of the diagonal stands for a spectrum over space, whatever stands for one over time.
_POINT = "poster"


def placed(tables: Tables) -> dict[str, pd.DataFrame]:
    """Transform → rows of Δ of the clip, placed, of the models that have a bin beyond 0.

    tables: model → table per bin.
    """
    found = {}
    # before the places, which take longer
    deltas = {
        model: table.loc[(table["control"] == CLIP) & (table["quantity"] == "delta")]
        for model, table in tables.items()
    }
    for transform in _TRANSFORMS:
        rows = depth_rows.placed(deltas, transform)
        found[transform] = rows.loc[rows["model"].isin(rows.loc[rows["bin"] > 0, "model"])]
    return found


def spatial_chart(rows: Mapping[str, pd.DataFrame], tables: Tables, statistic: str) -> Chart | None:
    """None where no map is large enough.

    rows: by transform, of the table per bin of each model, which tables are.
    """
    found = _rows({"spatial": rows["spatial"]}, statistic, only_top=False)
    if not len(found):
        return None
    return Chart(
        name="spatial",
        title="Spatial spectra along the diagonal",
        caption=[depth_choices.POINT, *spectral_captions.spatial(tables, statistic)],
        table=found,
        spec=_diagonals(found),
        figure="spatial",
    )


def spatial_depth_chart(
    rows: Mapping[str, pd.DataFrame], tables: Tables, statistic: str
) -> Chart | None:
    """None where no map is large enough.

    rows: by transform, of the table per bin of each model, which tables are.
    """
    found = _rows(rows, statistic, only_top=True)
    if not len(found):
        return None
    return Chart(
        name="spatial-depth",
        title="Spatial and spatiotemporal spectra along the depth",
        caption=[
            depth_choices.CLICK,
            *spectral_captions.spatial_depth_by_choice(tables, statistic),
        ],
        table=found,
        spec=_along(found, list(tables)),
        figure="spatial-depth",
    )


def _rows(placed: Mapping[str, pd.DataFrame], statistic: str, *, only_top: bool) -> pd.DataFrame:
    """Bins of the clip by transform: all, or those that stand for the spectrum of a tap."""
    chosen = {"control": [CLIP], "quantity": ["delta"], "statistic": [statistic]}
    parts = []
    sizes = ["bin", "height", "width"]
    for rows in (rows for rows in placed.values() if len(rows)):
        if only_top:
            top = rows.loc[rows[f"is_{_POINT}"].astype(bool)]
            parts.append(depth_rows.along(top, chosen, ["transform"], sizes, taps=rows))
        else:
            parts.append(depth_rows.along(rows, chosen, more=sizes))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return found.rename(columns={"bin": "k"}).drop(columns="hz", errors="ignore")


def _diagonals(found: pd.DataFrame) -> dict[str, Any]:
    names = list(dict.fromkeys(found["model"]))
    limits = depth_rows.limits(found.assign(all="all"), ["all"])
    y = depth_layers.value_axis("Δ log amplitude", limits, "'all'")
    x = alt.X(
        "omega:Q",
        title="diagonal frequency, π per step",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f"),
    )
    scale = alt.Scale(scheme="viridis", domain=[0, 1])
    tooltip = depth_layers.tooltip("Δ", list(found), "model", "tap", "kind", "k")
    tooltip += [alt.Tooltip("height:Q"), alt.Tooltip("width:Q")]
    color = alt.Color("x:Q", title="normalised depth", scale=scale)
    lines = alt.Chart(name="lines").mark_line(clip=True, strokeWidth=1.4)
    lines = lines.encode(x=x, y=y, color=color, detail=alt.Detail("tap:N"))
    points = alt.Chart(name="marks").mark_point(clip=True, filled=True, size=28, opacity=1)
    points = points.encode(x=x, y=y, color=color, tooltip=tooltip)
    return depth_layers.finished(
        [depth_layers.zero(y), lines, points],
        [depth_choices.model(names)],
        [
            depth_steps.only("datum.model === one"),
            *depth_steps.at_places("'a'"),
            # a spectrum of the reference alone is no line
            depth_steps.joined("max", "k", "bins", "tap"),
            depth_steps.only("datum.bins > 0"),
            *depth_steps.in_words(hertz=False),
        ],
        "Lines of Δ log amplitude of one model against diagonal frequency, one per tap, coloured "
        "by normalised depth.",
    )


def _along(found: pd.DataFrame, models: list[str]) -> dict[str, Any]:
    names = list(dict.fromkeys(found["model"]))
    limits = depth_rows.limits(found, ["transform"])
    y = depth_layers.value_axis("Δ log amplitude", limits, "transform")
    tooltip = depth_layers.tooltip("Δ", list(found), "model", "tap", "kind")
    tooltip += [alt.Tooltip("height:Q"), alt.Tooltip("width:Q")]
    shown = [model for model in models if naming.model(model) in names]
    parts = depth_layers.drawn(depth_layers.of_models(shown), y, tooltip)
    clicked = depth_choices.clicked()
    parts[-1] = parts[-1].add_params(clicked)
    return depth_layers.finished(
        parts,
        [depth_choices.models(names), _over(found)],
        [
            depth_steps.only("datum.transform === transform"),
            *depth_steps.at_places("'a'"),
            *depth_choices.of_chosen(clicked),
            *depth_steps.in_words(hertz=False),
        ],
        "Lines of Δ log amplitude at the last bin of the diagonal against normalised depth, one "
        "per model.",
    )


def _over(found: pd.DataFrame) -> alt.Parameter:
    names = {name: said for name, said in _TRANSFORMS.items() if name in set(found["transform"])}
    return inputs.choice("transform", "Spectra over", list(names), list(names.values()))
