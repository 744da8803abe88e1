"""What readers choose of charts along the depth: models, bins, panels."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import depth_steps, inputs
from signal_perception.report.results.depth import Reading

EVERY = "all models"
BINS = {"poster": "the poster's", "nyquist": "Nyquist"}
POINT = "Point at a marker for its numbers."
CLICK = (
    "Click models in the legend to see these alone, and again to let them go. Point at a marker "
    "for its numbers; values beyond the axis are counted in its corner."
)
HOVER = "Point at a marker for its numbers; values beyond the axis are counted in its corner."


def model(models: Sequence[str]) -> alt.Parameter:
    """`one`, one of these models, which are named as readers know them."""
    return inputs.choice("one", "Model", models)


def models(models: Sequence[str]) -> alt.Parameter:
    """`one`, a model or all: what the legend's clicks choose, for those without a mouse."""
    return inputs.choice("one", "Model", [EVERY, *models] if len(models) > 1 else [EVERY])


def clicked(field: str = "model") -> alt.Parameter:
    """The values of a column that are chosen in the legend."""
    return inputs.in_legend("clicked", field)


def bins(table: pd.DataFrame, reading: Reading) -> alt.Parameter:
    """`bin`, one of those in a column of this name, that of the study first."""
    return named("bin", "Bin", BINS, set(table["bin"]), reading.point)


def named(
    name: str, label: str, names: dict[str, str], there: set[Any], first: str
) -> alt.Parameter:
    """A choice among the values that are there, under names for readers."""
    options = sorted((each for each in names if each in there), key=lambda each: each != first)
    return inputs.choice(name, label, options, [names[each] for each in options])


def shown(name: str, label: str) -> alt.Parameter:
    """Whether something is "shown", as it is at the start, or "hidden"."""
    return inputs.choice(name, label, ["shown", "hidden"])


def of_chosen(clicked: alt.Parameter) -> list[depth_steps.Step]:
    """Steps to the rows of the models that are chosen, by `one` and in the legend."""
    one = depth_steps.only(f"one === '{EVERY}' || datum.model === one")
    return [one, in_clicked(clicked)]


def in_clicked(clicked: alt.Parameter) -> depth_steps.Step:
    """Keeps the rows that are chosen in the legend."""
    return {"filter": {"param": clicked.name}}
