"""Depth × frequency as cells of colour: the spectrum at every tap, and what tells classes apart."""

from typing import Any

import altair as alt
import pandas as pd

from signal_perception.fourier import definitions
from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import (
    depth_choices,
    depth_layers,
    depth_rows,
    depth_steps,
    inputs,
    marks,
)
from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import depth, naming
from signal_perception.report.results.depth import Tables
from signal_perception.vocabulary import CLIP

_EVERY = "all"
_CLIPS = (CLIP, depth.STATIC)
# F where an amplitude says nothing about the class.
_MIDDLE = 1.0
# Edges of a cell: half-way to the next taps that are shown, and ω = 2(k ± ½)/T' within 0 and 1.
_EDGES = {
    "x": "(datum.column - 1.5) / max(datum.columns - 1, 1)",
    "x2": "(datum.column - 0.5) / max(datum.columns - 1, 1)",
    "y": "max(2 * (datum.k - 0.5) / datum.tokens, 0)",
    "y2": "min(2 * (datum.k + 0.5) / datum.tokens, 1)",
}


def spectrogram_chart(rows: pd.DataFrame, tables: Tables, statistic: str) -> Chart | None:
    """Δ of every bin beyond 0; None where there is none.

    rows: from `placed`, of the table per bin of each model, which tables are.
    """
    found = _bins(rows, "delta", statistic, beyond_zero=True)
    if not len(depth.numbers(found, "value")):
        return None
    clip = found.loc[(found["clip"] == CLIP) & found["value"].notna()]
    free = [definitions.corrected(v, int(t)) for v, t in zip(clip["value"], clip["tokens"])]
    ends = {
        "corrected": (min(free), max(free)),
        "delta": (float(clip["value"].min()), float(clip["value"].max())),
    }
    # both scales begin and end with the clip's, which controls may lie outside of
    low, high = (depth_layers.end(ends, "quantity", side) for side in (0, 1))
    domain = [alt.ExprRef(low), alt.ExprRef(high)]
    scale = alt.Scale(scheme="cividis", domain=domain, clamp=True, nice=False, zero=False)
    quantities = {"corrected": "Δ + ½ ln T′", "delta": "Δ"}
    show = inputs.choice("quantity", "Show", list(quantities), list(quantities.values()))
    shift = "quantity === 'corrected' ? 0.5 * log(datum.tokens) : 0"
    spec = _spec(
        found,
        f"isValid(datum.value) ? datum.value + ({shift}) : null",
        scale,
        "log amplitude",
        [show],
        "Δ",
        "Cells of colour: log amplitude of one model by normalised depth and frequency.",
    )
    return Chart(
        name="spectrogram",
        title="Depth × frequency",
        caption=[
            "Point at a cell for its numbers.",
            *spectral_captions.spectrogram(tables, statistic),
        ],
        table=found,
        spec=spec,
        figure="spectrogram",
    )


def discriminability_chart(rows: pd.DataFrame, tables: Tables) -> Chart | None:
    """F of every bin; None where no class has two videos.

    rows: from `placed`, of the table per bin of each model, which tables are.
    """
    found = _bins(rows, "discriminability", "mean_log")
    values = depth.numbers(found, "value")
    if not len(values):
        return None
    # lower values say no less than the middle does, so they do not stretch the scale
    far = max(float(values.max()) / _MIDDLE, 2.0)
    scale = alt.Scale(
        type="log",
        scheme="purpleorange",
        domain=[_MIDDLE / far, _MIDDLE * far],
        clamp=True,
        nice=False,
    )
    spec = _spec(
        found,
        "datum.value",
        scale,
        "F",
        [],
        "F, between over within classes",
        "Cells of colour: how much the amplitudes of one model differ between classes, by "
        "normalised depth and frequency.",
    )
    names = set(found.loc[found["value"].notna(), "model"])
    with_values = {m: table for m, table in tables.items() if naming.model(m) in names}
    return Chart(
        name="discriminability",
        title="Which frequencies tell the classes apart",
        caption=[
            "Point at a cell for its numbers.",
            *spectral_captions.discriminability(with_values),
        ],
        table=found,
        spec=spec,
        figure="discriminability",
    )


def _bins(
    rows: pd.DataFrame,
    quantity: str,
    statistic: str,
    *,
    beyond_zero: bool = False,
) -> pd.DataFrame:
    """All bins of the temporal spectra; taps without any have a row without a bin."""
    shown = rows.loc[rows["bin"] > 0] if beyond_zero else rows
    chosen = {"control": _CLIPS, "quantity": [quantity], "statistic": [statistic]}
    found = depth_rows.along(shown, chosen, ["control"], ["bin"], taps=rows)
    found = found.rename(columns={"control": "clip", "bin": "k"})
    return found.drop(columns="p_holm", errors="ignore")


def _spec(
    found: pd.DataFrame,
    drawn: str,
    scale: alt.Scale,
    legend: str,
    more: list[alt.Parameter],
    value: str,
    description: str,
) -> dict[str, Any]:
    """Cells of one model. drawn: an expression of what is shown as colour; value: of the table."""
    kinds = [kind for kind in depth.KINDS if kind in set(found["kind"])]
    clips = [name for name in _CLIPS if name in set(found["clip"])]
    tooltip = depth_layers.tooltip(value, list(found), "model", "clip", "tap", "kind", "k")
    ticks = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f", grid=False)
    ends = alt.Scale(nice=False, zero=False)
    cells = alt.Chart(name="cells").mark_rect(clip=True, stroke=None)
    cells = cells.encode(
        x=alt.X("x:Q", title="normalised depth", axis=ticks, scale=ends),
        x2="x2:Q",
        y=alt.Y("y:Q", title="ω, π per step", axis=ticks, scale=alt.Scale(domain=[0, 1])),
        y2="y2:Q",
        color=alt.Color("drawn:Q", title=legend, scale=scale),
        tooltip=tooltip,
    )
    every = [_EVERY, *kinds] if len(kinds) > 1 else [_EVERY]
    params = [
        depth_choices.model(list(dict.fromkeys(found["model"]))),
        inputs.choice("clip", "Shown as", clips),
        inputs.choice("taps", "Taps", every),
        *more,
    ]
    ranked = {"window": [{"op": "dense_rank", "as": "column"}], "sort": [{"field": "place_a"}]}
    return depth_layers.finished(
        [cells],
        params,
        [
            depth_steps.only("datum.model === one && datum.clip === clip"),
            depth_steps.only(f"taps === '{_EVERY}' || datum.kind === taps"),
            ranked,
            depth_steps.joined("max", "column", "columns"),
            depth_steps.only("isValid(datum.value) && datum.tokens > 0"),
            *(depth_steps.calculated(name, edge) for name, edge in _EDGES.items()),
            depth_steps.calculated("drawn", drawn),
            *depth_steps.in_words(),
        ],
        description,
        view=alt.ViewBackground(fill=marks.EMPTY),
    )
