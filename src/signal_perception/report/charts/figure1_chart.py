"""Figure 1 with choices: Δ log amplitude along the depth, beside static clips and the poster."""

from collections.abc import Mapping, Sequence
from typing import Any

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
from signal_perception.report.results import depth, naming
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.vocabulary import CLIP

Reference = Mapping[str, Mapping[str, Sequence[float | None]]]

POSTER = "poster"
_STATISTICS = ("log_mean", "mean_log", "log_rms")
# The axis goes on below the lowest clip by this share of what the clips span, for static curves.
_BELOW = 0.35
_KEY = "statistic + ' ' + bin"


def figure1_chart(
    rows: pd.DataFrame, tables: Tables, reading: Reading, reference: Reference | None
) -> Chart | None:
    """None where no tap has a number.

    Parameters
    ----------
    rows: from `placed`, of the table per tap of each model, which tables are.
    reference: panel → model → the poster's values along the depth; of the models that are here.
    """
    chosen = {
        "control": [CLIP, depth.STATIC],
        "quantity": ["delta"],
        "statistic": _statistics(tables, reading),
        "point": list(depth_choices.BINS),
    }
    found = depth_rows.along(rows, chosen, ["control", "statistic", "point"], panels=True)
    found = found.rename(columns={"point": "bin", "control": "clip"})
    if not len(depth.numbers(found, "value")):
        return None
    # a static clip is a line behind the clip's, without an interval or a tooltip
    behind = found["clip"] == depth.STATIC
    found.loc[behind, ["low", "high", "omega", "hz", "tokens", "n_videos", "n_clusters"]] = pd.NA
    found = pd.concat([found, _poster(reference or {}, list(tables))], ignore_index=True)
    return Chart(
        name="figure1",
        title="Figure 1. Temporal Fourier analysis along the depth",
        caption=[
            depth_choices.CLICK,
            "What is said here is of the statistic and the bin that the study begins with.",
            *spectral_captions.figure1(tables, reading, reference=reference is not None),
        ],
        table=found,
        spec=_spec(found, list(tables), reading),
        figure="figure1",
    )


def _statistics(tables: Tables, reading: Reading) -> list[str]:
    """Those of any table, that of the study first."""
    there = {name for table in tables.values() for name in table["statistic"].dropna().unique()}
    return sorted((s for s in _STATISTICS if s in there), key=lambda s: s != reading.statistic)


def _poster(reference: Reference, models: Sequence[str]) -> pd.DataFrame:
    """The poster's values, which are of its bin, in rows like those of clips."""
    rows = [
        {
            "model": naming.model(model),
            f"place_{panel}": place,
            "stretch": 0,
            "clip": POSTER,
            "bin": "poster",
            "value": value,
        }
        for panel, curves in reference.items()
        for model in models
        for place, value in enumerate(curves.get(model, ()))
    ]
    return depth_rows.whole(pd.DataFrame(rows))


def _spec(found: pd.DataFrame, models: Sequence[str], reading: Reading) -> dict[str, Any]:
    look = depth_layers.of_models(models)
    limits = _limits(found)
    y = depth_layers.value_axis("Δ log amplitude", limits, _KEY)
    tooltip = depth_layers.tooltip("Δ", list(found), "model", "tap", "kind")
    parts = depth_layers.drawn(look, y, tooltip, where=f"datum.clip === '{CLIP}'")
    clicked = depth_choices.clicked()
    parts[-1] = parts[-1].add_params(clicked)
    params = [
        depth_choices.models(list(dict.fromkeys(found["model"]))),
        inputs.choice("panel", "Panel", list(depth.PANELS), list(depth.TITLES.values())),
        depth_choices.named(
            "statistic",
            "Statistic",
            {name: name for name in _STATISTICS},
            set(found["statistic"].dropna()),
            reading.statistic,
        ),
        depth_choices.bins(found, reading),
    ]
    dotted = {}
    if depth.STATIC in set(found["clip"]):
        dotted[depth.STATIC] = ("static_shown", "Static clip, dashed", [5, 3])
    if POSTER in set(found["clip"]):
        dotted[POSTER] = ("poster_shown", "Poster, dotted (digitised ±0.03)", [1.5, 2.5])
    for clip, (name, label, dash) in dotted.items():
        where = f"{name} === 'shown' && datum.clip === '{clip}'"
        parts.insert(0, depth_layers.behind(look, y, where, dash, f"{clip}_lines"))
        params.append(depth_choices.shown(name, label))
    of_statistic = f"datum.statistic === statistic || datum.clip === '{POSTER}'"
    return depth_layers.finished(
        [*parts, depth_layers.beyond(limits, _KEY)],
        params,
        [
            depth_steps.only(f"datum.bin === bin && ({of_statistic})"),
            *depth_steps.at_places("panel", "clip"),
            *depth_choices.of_chosen(clicked),
            *depth_steps.in_words("clip"),
        ],
        "Lines of Δ log amplitude against normalised depth, one per model with its interval; "
        "dashed lines are static clips.",
    )


def _limits(found: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """All of the clips and of the poster, some of static clips below, all of these above."""
    ends = {}
    for statistic in found["statistic"].dropna().unique():
        for name in found["bin"].unique():
            part = found.loc[found["bin"] == name]
            clips = part.loc[(part["clip"] == CLIP) & (part["statistic"] == statistic)]
            values = depth.numbers(clips, "value", "low", "high")
            if not len(values):
                continue
            values = [*values, *depth.numbers(part.loc[part["clip"] == POSTER], "value")]
            static = part.loc[(part["clip"] == depth.STATIC) & (part["statistic"] == statistic)]
            low, high = min(values), max([*values, *depth.numbers(static, "value")])
            span = max(max(values) - low, 1e-3)
            ends[f"{statistic} {name}"] = (low - _BELOW * span, high + 0.06 * span)
    return ends
