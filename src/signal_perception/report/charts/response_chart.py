"""Block response along the depth of one model: which kinds of blocks let high frequencies pass."""

from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import (
    depth_choices,
    depth_layers,
    depth_rows,
    depth_steps,
    marks,
)
from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.vocabulary import CLIP

# What the two halves mean, at their places in pixels.
_HALVES = {"high-pass": ("top", 6), "low-pass": ("bottom", depth_layers.HEIGHT - 6)}


def response_chart(rows: pd.DataFrame, tables: Tables, reading: Reading) -> Chart | None:
    """None where no two neighbouring taps have a bin.

    rows: from `placed`, of the table per bin of each model, which tables are.
    """
    chosen = {
        "control": [CLIP, depth.STATIC],
        "quantity": ["block_response"],
        "statistic": [reading.statistic],
        "point": list(depth_choices.BINS),
    }
    found = depth_rows.along(
        depth_rows.at_points(rows), chosen, ["control", "point"], ["bin"], taps=rows
    )
    found = found.rename(columns={"control": "clip", "bin": "k", "point": "bin"})
    clips = found.loc[found["clip"] == CLIP]
    if not len(depth.numbers(clips, "value")):
        return None
    return Chart(
        name="response",
        title="Block response along the depth",
        caption=[depth_choices.HOVER, *spectral_captions.response(tables, reading)],
        table=found,
        spec=_spec(found, clips, reading),
        figure="response",
    )


def _spec(found: pd.DataFrame, clips: pd.DataFrame, reading: Reading) -> dict[str, Any]:
    names = list(dict.fromkeys(clips.loc[clips["value"].notna(), "model"]))
    look = depth_layers.of_kinds(set(found["kind"]))
    limits = depth_rows.limits(clips, ["bin"], least=0.02, beyond=0.12)
    y = depth_layers.value_axis("D, change of Δ", limits, "bin")
    tooltip = depth_layers.tooltip("D", list(found), "model", "tap", "kind")
    is_clip, is_static = f"datum.clip === '{CLIP}'", f"datum.clip === '{depth.STATIC}'"
    parts = depth_layers.drawn(look, y, tooltip, where=is_clip, tested=True)
    clicked = depth_choices.clicked("kind")
    parts[-1] = parts[-1].add_params(clicked)
    static = depth_layers.behind(
        look, y, f"static_shown === 'shown' && {is_static}", [5, 3], "static_lines"
    )
    shown = depth_choices.shown("static_shown", "Static clip, dashed")
    return depth_layers.finished(
        [static, *parts, *_halves(), depth_layers.beyond(limits, "bin")],
        [depth_choices.model(names), depth_choices.bins(found, reading), shown],
        [
            depth_steps.only("datum.bin === bin && datum.model === one"),
            *depth_steps.at_places("'a'"),
            depth_choices.in_clicked(clicked),
            *depth_steps.in_words("clip", "kind"),
        ],
        "Lines of the change of Δ from tap to tap of one model against normalised depth, one per "
        "kind of tap: above 0 high frequencies pass, below 0 they are weakened.",
    )


def _halves() -> list[alt.Chart]:
    """The name of each half, once."""
    parts = []
    for name, (baseline, y) in _HALVES.items():
        look: dict[str, Any] = {"align": "left", "baseline": baseline, "color": marks.DARK}
        once = alt.Chart(name=name.replace("-", "_")).transform_aggregate(rows="count()")
        parts.append(once.mark_text(x=6, y=y, text=name, fontSize=11, **look))
    return parts
