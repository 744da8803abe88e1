"""Models compared fairly: Δ, free of T', at one ω along the depth; and their last taps in Hz."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.fourier import definitions
from signal_perception.report.captions import spectral_captions
from signal_perception.report.charts import (
    depth_choices,
    depth_layers,
    depth_rows,
    depth_steps,
    inputs,
)
from signal_perception.report.charts.chart import Chart
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.vocabulary import CLIP, REFUSED, UNLISTED

_QUANTITIES = {"delta": "Δ", "corrected": "Δ + ½ ln T′", "matched": "Δ at ω = 0.5π"}
_KEY = "quantity === 'matched' ? quantity : quantity + ' ' + bin"
# Of Δ and Δ + ½ ln T', calculated from the columns of the table.
_SHOWN = ("shown", "shown_low", "shown_high")


def comparison_chart(rows: pd.DataFrame, tables: Tables, reading: Reading) -> Chart | None:
    """None where no tap has a number.

    rows: from `placed`, of the table per tap of each model, which tables are.
    """
    chosen = {
        "control": [CLIP],
        "quantity": list(_QUANTITIES),
        "statistic": [reading.statistic],
    }
    found = depth_rows.along(rows, chosen, ["quantity", "point"])
    found = found.rename(columns={"point": "bin"})
    if not len(depth.numbers(found, "value")):
        return None
    along, _ = spectral_captions.comparison(tables, reading)
    return Chart(
        name="comparison",
        title="Models compared along the depth: Δ, free of T′, and at one ω",
        caption=[depth_choices.CLICK, along],
        table=found,
        spec=_along(found, list(tables), reading),
        figure="comparison",
    )


def hertz_chart(
    rows: pd.DataFrame, tables: Tables, reading: Reading, decode: pd.DataFrame | None
) -> Chart | None:
    """Spectra of last taps; None where no bin has a frequency.

    rows: from `placed`, of the table per bin of each model, which tables are. decode: verdicts,
        whose frame rates say how far the Hz of single videos lie apart.
    """
    found = _last_taps(rows, reading.statistic)
    if "hz" not in found or not len(depth.numbers(found, "value")):
        return None
    span = f"{found['hz'].min():.2g} to {found['hz'].max():.2g} Hz"
    return Chart(
        name="hertz",
        title="Models compared in Hz: the spectrum of the last tap",
        caption=[
            depth_choices.CLICK,
            f"Bins lie at {span}.",
            *_of_single_videos(decode),
            *spectral_captions.hertz(tables, reading),
        ],
        table=found,
        spec=_against_hertz(found, list(tables), reading),
        figure="comparison",
    )


def _of_single_videos(decode: pd.DataFrame | None) -> list[str]:
    """A sentence on the range of Hz over test videos; nothing where their rates are not known."""
    if decode is None:
        return []
    tests = (decode["split"] == "test") & ~decode["verdict"].str.startswith((REFUSED, UNLISTED))
    rates = depth.numbers(decode.loc[tests], "fps")
    if not len(rates):
        return []
    low, high, middle = rates.min(), rates.max(), np.median(rates)
    if low == high:
        return [f"All test videos have {low:g} frames per second."]
    return [
        f"Hz are those of the median video: test videos have {low:.4g} to {high:.4g} frames per "
        f"second, median {middle:.4g}, so where frames are taken at one stride the Hz of single "
        f"videos are {low / middle:.2f} to {high / middle:.2f} times these."
    ]


def _last_taps(rows: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Bins beyond 0 of the last tap of panel (a) that has any, with a frequency."""
    chosen = {"control": [CLIP], "quantity": ["delta"], "statistic": [statistic]}
    flags = [f"is_{point}" for point in definitions.POINTS]
    found = depth_rows.along(rows, chosen, more=["bin", *flags])
    if "hz" not in found:
        return found
    found = found.loc[(found["bin"] > 0) & found["hz"].notna() & found["value"].notna()]
    last = found.groupby("model")["place_a"].transform("max")
    found = found.loc[found["place_a"] == last].reset_index(drop=True)
    named = [found[flag].astype(bool) for flag in flags]
    found.insert(4, "point", np.select(named, definitions.POINTS, ""))
    return found.drop(columns=["place_a", *flags]).rename(columns={"bin": "k", "point": "bin"})


def _along(found: pd.DataFrame, models: list[str], reading: Reading) -> dict[str, Any]:
    keyed = found.assign(bin=found["bin"].fillna("").astype(str))
    limits = depth_rows.limits(keyed, ["quantity", "bin"])
    limits = {name.strip(): ends for name, ends in limits.items()}
    y = depth_layers.value_axis("log amplitude", limits, _KEY)
    tooltip = depth_layers.tooltip("value", list(found), "model", "tap", "kind")
    parts = depth_layers.drawn(depth_layers.of_models(models), y, tooltip)
    clicked = depth_choices.clicked()
    parts[-1] = parts[-1].add_params(clicked)
    of_bin = "quantity === 'matched' || datum.bin === bin"
    return depth_layers.finished(
        parts,
        [
            depth_choices.models(list(dict.fromkeys(found["model"]))),
            inputs.choice("quantity", "Show", list(_QUANTITIES), list(_QUANTITIES.values())),
            depth_choices.bins(found, reading),
        ],
        [
            depth_steps.only(f"datum.quantity === quantity && ({of_bin})"),
            *depth_steps.at_places("'a'"),
            *depth_choices.of_chosen(clicked),
            *depth_steps.in_words(),
        ],
        "Lines of Δ log amplitude against normalised depth, one per model, as it is, free of the "
        "shift by the number of tokens, or at one frequency.",
    )


def _against_hertz(found: pd.DataFrame, models: list[str], reading: Reading) -> dict[str, Any]:
    value, low, high = _SHOWN
    y = depth_layers.value_axis("log amplitude", _hertz_limits(found), "quantity", value)
    ticks = [part * 2.0**power for power in range(-6, 7) for part in (1, 1.5)]
    hertz = depth.numbers(found, "hz")
    lowest, highest = float(hertz.min()), float(hertz.max())
    scale = alt.Scale(type="log", domain=[lowest / 1.05, highest * 1.05], nice=False)
    axis = alt.Axis(values=ticks, format="~g")
    x = alt.X("hz:Q", title="frequency, Hz", scale=scale, axis=axis)
    tooltip = depth_layers.tooltip("Δ", list(found), "model", "tap", "kind")
    tooltip.insert(3, alt.Tooltip(f"{value}:Q", title="drawn at", format=".3f"))
    parts = depth_layers.drawn(depth_layers.of_models(models), y, tooltip, x=x, low=low, high=high)
    clicked = depth_choices.clicked()
    there = f"datum.bin === '{reading.point}'"
    size = alt.condition(there, alt.value(130), alt.value(35))
    parts[-1] = parts[-1].encode(size=size).add_params(clicked)
    quantities = {name: _QUANTITIES[name] for name in ("corrected", "delta")}
    shift = "(quantity === 'corrected' ? 0.5 * log(datum.tokens) : 0)"
    return depth_layers.finished(
        parts,
        [
            depth_choices.models(list(dict.fromkeys(found["model"]))),
            inputs.choice("quantity", "Show", list(quantities), list(quantities.values())),
        ],
        [
            *(
                depth_steps.calculated(name, f"isValid(datum.{of}) ? datum.{of} + {shift} : null")
                for name, of in zip(_SHOWN, ("value", "low", "high"))
            ),
            *depth_choices.of_chosen(clicked),
            *depth_steps.in_words(),
        ],
        "Lines of log amplitude of the last tap of each model against frequency in Hz.",
    )


def _hertz_limits(found: pd.DataFrame) -> dict[str, tuple[float, float]]:
    shift = [float(definitions.corrected(np.zeros(()), int(t))) for t in found["tokens"]]
    shifted = found.assign(quantity="corrected")
    for name in ("value", "low", "high"):
        shifted[name] = found[name] + shift
    both = pd.concat([found.assign(quantity="delta"), shifted])
    return depth_rows.limits(both, ["quantity"])
