"""A grid of noise as a map: its two axes, and in each cell the value with its interval."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import cells_text, marks
from signal_perception.report.charts.cells_table import Grid, is_at
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import choice
from signal_perception.report.results.noise_cells import SYMBOLS

# Share of the way from chance to clean above which the scheme is too light for white letters.
_LIGHT = 0.55
# The panel in the title, and what it says where the model has no such panel.
_SHOWN = "shown + (shown == panel ? '' : ' (there is no ' + panel + ')')"

_TITLES = {
    "sigma": "σ, standard deviation of the noise",
    "gamma": "γ, share of elements with noise",
    "rho": "ρ, share of layers with noise",
}


def map_chart(grid: Grid, tables: Mapping[str, pd.DataFrame], dataset: str) -> Chart:
    """One panel of one model at a time. tables: model → cells of all grids."""
    return Chart(
        grid.name,
        f"{cells_text.title(grid)}: accuracy under noise, cell by cell",
        [
            "Colours run from chance to the clean model, the same in all panels of a model; cells "
            "beyond have the colour of the end.",
            *cells_text.caption(grid, tables, dataset),
        ],
        grid.cells,
        _spec(grid),
    )


def _spec(grid: Grid) -> dict[str, Any]:
    rows = marks.chart("rows").transform_filter("datum.model == model && datum.noise == noise")
    inside = cells_text.read(rows.transform_filter(f"datum.panel == shown && {_at_third(grid)}"))
    inside = inside.transform_calculate(share=_share(), place=_number("rho"))
    place = {"x": _axis(grid.x, alt.X), "y": _axis(grid.y, alt.Y), "tooltip": cells_text.TOOLTIP}
    colour = alt.Color(
        "share",
        type="quantitative",
        scale=alt.Scale(domain=[0, 1], clamp=True, scheme="viridis"),
        legend=alt.Legend(
            title=None,
            orient="top",
            values=[0, 1],
            labelExpr="datum.value == 0 ? 'chance' : 'clean'",
            gradientLength=160,
        ),
    )
    columns = len(grid.values(grid.x))
    there = "isValid(datum.share) && isValid(datum.value)"
    light = alt.when(f"!isValid(datum.share) || datum.share > {_LIGHT}").then(
        alt.value(marks.ON_LIGHT)
    )
    letters = light.otherwise(alt.value(marks.ON_DARK))
    edges: dict[str, Any] = {"stroke": marks.EDGE}
    cells = inside.transform_filter(there).mark_rect(**edges).encode(color=colour, **place)
    empty = inside.transform_filter(f"!({there})").mark_rect(color=marks.EMPTY, **edges)
    valued, size = inside.transform_filter("isValid(datum.value)"), marks.size(columns, 4, 13)
    values = marks.in_cells(valued, "value_text", letters, place, size=size, dy=-6)
    bounded, size = inside.transform_filter("isValid(datum.low)"), marks.size(columns, 9, 10)
    intervals = marks.in_cells(bounded, "interval", letters, place, size=size, dy=9)
    return marks.layers(
        empty.encode(**place).properties(name="empty"),
        cells.properties(name="cells"),
        values.properties(name="values"),
        intervals.properties(name="intervals"),
        cells_text.no_retention(
            "undefined", rows.transform_filter("datum.panel == shown"), marks.ON_LIGHT
        ),
        params=[
            *cells_text.inputs(grid),
            *_panels(grid),
            choice("third", f"At {SYMBOLS[grid.third]}", grid.values(grid.third)),
        ],
        description=f"{cells_text.title(grid)}: accuracy or retention of the chosen model and "
        f"panel by {SYMBOLS[grid.x]} and {SYMBOLS[grid.y]}, as a map with a number in each cell.",
        title=f"model + ', ' + {_SHOWN} + ': ' + {cells_text.measure_in_words()}{_at(grid)}",
        height=alt.Step(44),
    )


def _panels(grid: Grid) -> list[alt.Parameter]:
    """The choice of a panel, and what is shown: of a model without it, its first one."""
    cells = grid.cells
    having = {
        model: [p for p in grid.panels if p in set(cells.loc[cells["model"] == model, "panel"])]
        for model in grid.models
    }
    first = having[grid.models[0]][0]
    return [
        choice("panel", "Panel", grid.panels, start=first),
        alt.param(name="panels", value=having),
        alt.param(
            name="shown",
            expr="indexof(panels[model], panel) >= 0 ? panel : panels[model][0]",
        ),
    ]


def _at_third(grid: Grid) -> str:
    """Which cells are in the map; all where the third variable has one value."""
    return is_at(grid.third, "third") if grid.third in grid.varying else "true"


def _at(grid: Grid) -> str:
    """What the title says of the third variable."""
    return f" + ', {SYMBOLS[grid.third]} = ' + third"


def _share() -> str:
    """How far a cell is from chance to clean; of retention, that of top-1."""
    score = "(measure == 'top5' ? 'top5' : 'top1')"
    ends = f"datum['clean_' + {score}]", f"datum['chance_' + {score}]"
    share = f"(datum[{score}] - {ends[1]}) / ({ends[0]} - {ends[1]})"
    return f"datum.no_retention ? null : {share}"


def _number(variable: str) -> str:
    return f"toNumber(split('' + datum.{variable}, ', ')[0])"


def _axis(variable: str, channel: type[alt.X] | type[alt.Y]) -> Any:
    """σ and γ by value, ρ by the first of the equal ones; the largest on top, or at the right."""
    order = "ascending" if channel is alt.X else "descending"
    title = _TITLES[variable] if channel is alt.X else SYMBOLS[variable]
    look: dict[str, Any] = {"labelAngle": 0, "labelLimit": 120, "titleAngle": 0}
    if variable != "rho":
        return channel(
            variable, type="ordinal", sort=order, title=title, axis=alt.Axis(format="~g", **look)
        )
    by = alt.EncodingSortField("place", op="min", order=order)
    return channel("rho", type="nominal", sort=by, title=title, axis=alt.Axis(**look))
