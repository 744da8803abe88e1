"""Spectra over space, and over space and time: along the diagonal, and along the depth."""

from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import depth_choices, depth_layers, depth_rows, inputs
from signal_perception.report.charts.chart import Chart
from signal_perception.report.figures import spatial_figures
from signal_perception.report.results import naming
from signal_perception.report.results.depth import Tables
from signal_perception.vocabulary import CLIP

_TRANSFORMS = {"spatial": "space", "spatiotemporal": "space and time"}
# The last bin of the diagonal stands for a spectrum over space, whatever stands for one over time.
_POINT = "poster"


def spatial_chart(tables: Tables, statistic: str) -> Chart | None:
    """None where no map is large enough. tables: model → table per bin."""
    found = _rows(tables, statistic, only_top=False)
    if not len(found):
        return None
    return Chart(
        name="spatial",
        title="Spatial spectra along the diagonal",
        caption=["Lines say their numbers.", *spectral_captions.spatial(tables, statistic)],
        table=found,
        spec=_diagonals(found),
        figure="spatial",
    )


def spatial_depth_chart(tables: Tables, statistic: str) -> Chart | None:
    """None where no map is large enough. tables: model → table per bin."""
    found = _rows(tables, statistic, only_top=True)
    if not len(found):
        return None
    return Chart(
        name="spatial-depth",
        title="Spatial and spatiotemporal spectra along the depth",
        caption=[depth_choices.CLICK, *spectral_captions.spatial_depth(tables, statistic)],
        table=found,
        spec=_along(found, list(tables)),
        figure="spatial-depth",
    )


def _rows(tables: Tables, statistic: str, *, only_top: bool) -> pd.DataFrame:
    """Bins of the clip by transform, of the models that have any beyond 0."""
    chosen = {"control": [CLIP], "quantity": ["delta"], "statistic": [statistic]}
    parts = []
    for transform in _TRANSFORMS:
        missing = spatial_figures.without(tables, transform)
        rows = depth_rows.placed({m: t for m, t in tables.items() if m not in missing}, transform)
        if not len(rows):
            continue
        if only_top:
            top = rows.loc[rows[f"is_{_POINT}"].astype(bool)]
            keys, more = ["transform"], ["bin", "height", "width"]
            parts.append(depth_rows.along(top, chosen, keys, more, taps=rows))
        else:
            more = ["transform", "bin", "height", "width"]
            found = depth_rows.along(rows, chosen, more=more)
            # a spectrum of the reference alone is no line
            parts.append(found.loc[found.groupby(["model", "tap"])["bin"].transform("max") > 0])
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return found.drop(columns=["place_b", "place_c", "hz"], errors="ignore")


def _diagonals(found: pd.DataFrame) -> dict[str, Any]:
    names = list(dict.fromkeys(found["model"]))
    limits = depth_rows.limits(found, ["transform"])
    y = depth_layers.value_axis("Δ log amplitude", limits, "transform")
    x = alt.X(
        "omega:Q",
        title="diagonal frequency, π per step",
        scale=alt.Scale(domain=[0, 1]),
    )
    scale = alt.Scale(scheme="viridis", domain=[0, 1])
    tooltip = depth_layers.tooltip("Δ", list(found), "model", "tap", "kind", "bin")
    tooltip += [alt.Tooltip("height:Q"), alt.Tooltip("width:Q")]
    color = alt.Color("x:Q", title="normalised depth", scale=scale)
    lines = alt.Chart(name="lines").mark_line(clip=True, strokeWidth=1.4)
    lines = lines.encode(x=x, y=y, color=color, detail=alt.Detail("tap:N"))
    points = alt.Chart(name="marks").mark_point(clip=True, filled=True, size=28, opacity=1)
    points = points.encode(x=x, y=y, color=color, tooltip=tooltip)
    return depth_layers.finished(
        [lines, points],
        [depth_choices.model(names), _over(found)],
        [
            depth_layers.only("datum.transform === transform && datum.model === one"),
            *depth_layers.at_places("'a'"),
            *depth_layers.in_words(hertz=False),
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
            depth_layers.only("datum.transform === transform"),
            *depth_layers.at_places("'a'"),
            *depth_choices.of_chosen(clicked),
            *depth_layers.in_words(hertz=False),
        ],
        "Lines of Δ log amplitude at the last bin of the diagonal against normalised depth, one "
        "per model.",
    )


def _over(found: pd.DataFrame) -> alt.Parameter:
    names = {name: said for name, said in _TRANSFORMS.items() if name in set(found["transform"])}
    return inputs.choice("transform", "Spectra over", list(names), list(names.values()))
