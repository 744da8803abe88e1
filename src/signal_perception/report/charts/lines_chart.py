"""A grid of noise as lines: a line per panel against σ, γ, ρ or κ, the other variables held."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from signal_perception.report.charts import cells_text, marks
from signal_perception.report.charts.cells_table import Grid, is_at
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice, in_legend, known
from signal_perception.report.results.noise_cells import SYMBOLS

# Largest value of an axis over smallest from which its root is drawn, so that small ones part.
_FAR = 10
_X = "as chosen: σ, γ (share of elements), ρ (share of layers) or κ"


def lines_chart(grid: Grid, tables: Mapping[str, pd.DataFrame], dataset: str) -> Chart | None:
    """All panels of one model at a time; None where no variable has several values.

    tables: model → cells of all grids.
    """
    if not grid.varying:
        return None
    return Chart(
        f"{grid.name}-lines",
        f"{cells_text.title(grid)}: panels against each other",
        [
            "Bands are 95 % intervals; dashed: the clean model, dotted: chance. Against κ the "
            "panels are compared at equal relative noise.",
            *cells_text.caption(grid, tables, dataset),
        ],
        grid.cells,
        _spec(grid),
    )


def _spec(grid: Grid) -> dict[str, Any]:
    rows = marks.chart("rows").transform_filter("datum.model == model && datum.noise == noise")
    held = rows.transform_filter(" && ".join(map(_held, grid.varying)))
    inside = cells_text.read(held).transform_calculate(x=_across(grid))
    inside = inside.transform_filter("isValid(datum.x) && isValid(datum.value)")
    clicked = in_legend("panels", "panel")
    looks = marks.of_panels(grid.titles)
    shown = {
        "x": alt.X(
            "x", type="quantitative", title=_X, scale=_scale(grid), axis=alt.Axis(tickCount=8)
        ),
        "color": marks.colour("panel", looks),
        "tooltip": cells_text.TOOLTIP,
    }
    y = alt.Y(
        "value",
        type="quantitative",
        title="as chosen: top-1 or top-5 in %, or retention",
        scale=_heights(grid),
    )
    band = (
        inside.transform_filter("isValid(datum.low)")
        .mark_area()
        .encode(
            y=alt.Y("low", type="quantitative"),
            y2="high",
            opacity=alt.when(clicked).then(alt.value(0.16)).otherwise(alt.value(0.02)),
            **shown,
        )
    )
    lines = inside.mark_line(strokeWidth=1.8).encode(y=y, opacity=marks.chosen(clicked), **shown)
    dots = (
        inside.mark_point(filled=True, size=60)
        .encode(y=y, shape=marks.shape("panel", looks), opacity=marks.chosen(clicked), **shown)
        .add_params(clicked)
    )
    return marks.layers(
        *(_level(rows, name, dash) for name, dash in (("clean", [5, 3]), ("chance", [2, 3]))),
        band.properties(name="bands"),
        lines.properties(name="lines"),
        dots.properties(name="dots"),
        cells_text.no_retention("undefined", rows),
        params=[*cells_text.inputs(grid), *_axes(grid)],
        description=f"{cells_text.title(grid)}: accuracy or retention of the chosen model against "
        "the strength of the noise, a line with a band per panel.",
        title=f"model + ': ' + {cells_text.measure_in_words()} + {_where(grid)}",
        height=340,
    )


def _axes(grid: Grid) -> list[alt.Parameter]:
    """What is across, and at which values the others are held."""
    symbols = [SYMBOLS[name] for name in grid.varying]
    found = [choice("across", "Along", grid.varying, symbols)]
    if known(grid.cells, {"kappa": "κ"}):
        found.append(
            choice("against", "Drawn against", ["itself", "kappa"], ["that variable", "κ"])
        )
    else:
        found.append(alt.param(name="against", value="itself"))
    if len(grid.varying) > 1:
        found += [
            choice(
                f"held_{name}",
                f"{SYMBOLS[name]}, where it is held",
                values,
                [f"{float(value):g}" for value in values],
                start=values[len(values) // 2],
            )
            for name in grid.varying
            for values in [grid.values(name)]
        ]
    return found


def _held(variable: str) -> str:
    """Whether a row lies on the lines, as far as this variable says."""
    return f"(across == '{variable}' || {is_at(variable, f'held_{variable}')})"


def _across(grid: Grid) -> str:
    rho = "toNumber(split('' + datum.rho, ', ')[0])"
    itself = f"across == 'rho' ? {rho} : datum[across]"
    return f"against == 'kappa' ? datum.kappa : ({itself})"


def _where(grid: Grid) -> str:
    """What is held, as an expression."""
    if len(grid.varying) < 2:
        return "''"
    return " + ".join(
        f"(across == '{name}' ? '' : ', {SYMBOLS[name]} = ' + held_{name})" for name in grid.varying
    )


def _scale(grid: Grid) -> alt.Scale:
    columns = [name for name in (*grid.varying, "kappa") if name != "rho"]
    numbers = [[value for value in grid.cells[name] if value > 0] for name in columns]
    far = any(max(values) >= _FAR * min(values) for values in numbers if values)
    return alt.Scale(type="sqrt" if far else "linear", zero=True)


def _heights(grid: Grid) -> alt.Scale:
    """0 to 100 %; retention from 0 to 1, or as far as an interval goes beyond."""
    bounds = grid.cells.loc[:, ["retention", "retention_low", "retention_high"]].to_numpy(float)
    known = bounds[np.isfinite(bounds)]
    low, high = min([0.0, *known]), max([1.0, *known])
    low, high = np.floor(10 * low) / 10, np.ceil(10 * high) / 10
    ends = [
        alt.expr(f"measure == 'retention' ? {float(end):g} : {percent}")
        for end, percent in ((low, 0), (high, 100))
    ]
    return alt.Scale(domain=ends, nice=False, zero=False)


def _level(rows: alt.Chart, name: str, dash: list[int]) -> alt.Chart:
    """The clean model, or chance."""
    retention = 1 if name == "clean" else 0
    read = rows.transform_calculate(
        level=f"measure == 'retention' ? {retention} : datum['{name}_' + measure]"
    )
    return (
        read.transform_filter("!(measure == 'retention' && datum.no_retention)")
        .transform_aggregate(level="max(level)")
        .mark_rule(color=marks.GREY, strokeDash=dash, strokeWidth=1.5)
        .encode(
            y=alt.Y("level", type="quantitative"),
            tooltip=[alt.Tooltip("level", type="quantitative", format=".2f", title=name)],
        )
        .properties(name=name)
    )
