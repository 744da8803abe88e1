"""What both charts of a grid of noise share: how a cell is read, and the sentences below them."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from signal_perception.report.captions import noise_captions, spectral_captions
from signal_perception.report.charts import marks
from signal_perception.report.charts.cells_table import MEASURES, Grid
from signal_perception.report.charts.inputs import choice
from signal_perception.report.results import noise_cells, poster, runs
from signal_perception.report.results.noise_cells import SYMBOLS

# The value that is chosen by the parameter `measure`, as texts, rounded.
_VALUE = "format(datum.value, measure == 'retention' ? '.2f' : '.1f')"
TOOLTIP = [
    alt.Tooltip("model", type="nominal"),
    alt.Tooltip("panel", type="nominal"),
    alt.Tooltip("noise", type="nominal"),
    alt.Tooltip("value_text", type="nominal", title="value"),
    alt.Tooltip("interval", type="nominal", title="95 % interval"),
    *(alt.Tooltip(name, type="nominal", title=symbol) for name, symbol in SYMBOLS.items()),
    alt.Tooltip("layers", type="nominal"),
    alt.Tooltip("kappa", type="quantitative", format=".3~g", title="κ"),
    alt.Tooltip("videos", type="quantitative"),
    alt.Tooltip("sources", type="quantitative"),
    alt.Tooltip("repeats", type="quantitative"),
]


def read(chart: alt.Chart) -> alt.Chart:
    """A layer whose rows have the chosen measure: value, low, high, and these as texts."""
    return chart.transform_calculate(
        value="datum[measure]",
        low="datum[measure + '_low']",
        high="datum[measure + '_high']",
    ).transform_calculate(
        value_text=f"isValid(datum.value) ? {_VALUE} : 'none'",
        interval=f"measure == 'retention' ? ({marks.interval('low', 'high', 2)})"
        f" : ({marks.interval('low', 'high')})",
    )


def inputs(grid: Grid) -> list[alt.Parameter]:
    """Choices of model, measure and kind of noise."""
    measures = grid.measures()
    return [
        choice("model", "Model", grid.models),
        choice("measure", "Show", list(measures), list(measures.values())),
        choice("noise", "Noise", grid.kinds),
    ]


def measure_in_words() -> str:
    """An expression of Vega: the chosen measure."""
    told = " : ".join(f"measure == '{name}' ? '{label}'" for name, label in MEASURES.items())
    return f"({told} : '')"


def no_retention(name: str, rows: alt.Chart, colour: str = marks.DARK) -> alt.Chart:
    """A note where retention is chosen of a model that has none."""
    missing = rows.transform_filter("measure == 'retention' && datum.no_retention")
    return marks.note(
        name, missing, "model + ': no retention, clean is not shown to be above chance'", colour
    )


def caption(grid: Grid, tables: Mapping[str, pd.DataFrame], dataset: str) -> list[str]:
    """Sentences under a chart of a grid. tables: model → cells of all grids."""
    inside = {model: t.loc[t["grid"] == grid.name] for model, t in tables.items()}
    inside = {model: cells for model, cells in inside.items() if len(cells)}
    counts = sorted({int(count) for count in grid.cells["repeats"]})
    repeats = " or ".join(map(str, counts)) + (" repeat" if counts == [1] else " repeats")
    fixed = f" ({grid.fixed})" if grid.fixed else ""
    found = [
        f"Noise of standard deviation σ on a share γ of the elements of each panel, in a share ρ "
        f"of its layers{fixed}. Means over {repeats} of the noise, with 95 % intervals over "
        f"repeats and {spectral_captions.videos(inside)}, rounded outwards. "
        f"{runs.in_words(runs.numbers(inside), 'intervals')}",
        f"{noise_captions.RETENTION} It needs a clean model that is shown to be above chance.",
        noise_captions.KAPPA,
    ]
    if (dataset, grid.name) in [(poster.NOISE_DATASET, name) for name in poster.NOISE_RANGES]:
        (low1, low5), (high1, high5) = poster.NOISE_RANGES[grid.name]
        found.append(
            f"On the poster, of TimeSformer (divided), top-1 falls from {high1} to {low1} % and "
            f"top-5 from {high5} to {low5} %."
        )
    return found


def title(grid: Grid) -> str:
    return noise_cells.grid_title(grid.name)
