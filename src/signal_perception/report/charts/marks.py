"""What charts share: colours and shapes of models and panels, intervals, and what is missing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt

from signal_perception.report.charts.chart import DATA
from signal_perception.report.results import naming, noise_cells, palette

GREY, DARK = "#999999", "#333333"
# Letters on cells of colour, the edges of cells, and cells without a value: letters and these are
# the same in the dark, so their colours are those of nothing else.
ON_DARK, ON_LIGHT, EDGE, EMPTY = "#fdfdfd", "#101010", "#ffffff", "#d9d9d9"
# The same for all layers, or Altair would write it into each of them.
_TABLE = alt.NamedData(DATA)
# How a mark looks that is not chosen in the legend.
FAINT = 0.12
# Matplotlib's marker → Vega's symbol, or its outline within −1 and 1.
_SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "D": "diamond",
    "P": "cross",
    "X": "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z",
    "d": "M0,-1L.6,0L0,1L-.6,0Z",
    "h": "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z",
    "p": "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z",
    "*": "M0,-1L.25,-.34L.95,-.31L.4,.13L.59,.81L0,.42L-.59,.81L-.4,.13L-.95,-.31L-.25,-.34Z",
}


def chart(name: str) -> alt.Chart:
    """A layer of the chart's table. name: unique in the chart, so that Altair counts nothing."""
    return alt.Chart(_TABLE, name=name)


def layers(
    *parts: alt.Chart,
    params: Sequence[alt.Parameter] = (),
    description: str,
    title: str = "",
    height: Any = 320,
) -> dict[str, Any]:
    """The specification of parts drawn over each other, as wide as the page lets them be.

    params: inputs, in the order of the page. description: a sentence for screen readers. title: an
    expression of Vega, for what the choices have made of the chart; empty: none.
    """
    whole = alt.layer(*parts).add_params(*params)
    whole = whole.properties(width="container", height=height, description=description)
    if title:
        text = alt.TitleParams(text=alt.expr(title), anchor="start", fontSize=13)
        whole = whole.properties(title=text)
    # tests hold every chart against Vega-Lite's schema; here it would take half of the time
    return whole.to_dict(validate=False)


def of_models(models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name for readers → colour and symbol."""
    return {naming.model(m): _look(look) for m, look in palette.of_models(models).items()}


def of_panels(titles: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title of a panel as text → colour and symbol, in the order of figures."""
    ordered = palette.order(titles)
    looks = palette.of_panels(ordered)
    return {noise_cells.plain(title): _look(looks[title]) for title in ordered}


def colour(field: str, looks: Mapping[str, tuple[str, str]], title: str = "") -> alt.Color:
    """Colours of the values of a field. title: of the legend."""
    scale = alt.Scale(domain=list(looks), range=[each[0] for each in looks.values()])
    return alt.Color(field, type="nominal", scale=scale, legend=_legend(title))


def shape(field: str, looks: Mapping[str, tuple[str, str]], title: str = "") -> alt.Shape:
    """Symbols of the values of a field, in one legend with `colour` of the same field."""
    scale = alt.Scale(domain=list(looks), range=[each[1] for each in looks.values()])
    return alt.Shape(field, type="nominal", scale=scale, legend=_legend(title))


def chosen(legend: alt.Parameter, most: float = 1.0) -> Any:
    """Opacity of a mark: faint unless its entry of the legend is chosen, or none is."""
    return alt.when(legend).then(alt.value(most)).otherwise(alt.value(FAINT))


def interval(low: str, high: str, digits: int = 1) -> str:
    """An expression of Vega: two fields as "12.3–45.6", rounded outwards; "none" without one."""
    scale = 10**digits
    start, end = (
        # 12.300000000000001 is 12.3, and is not rounded up
        f"format({rounded}(datum.{name} * {scale} {exact}) / {scale}, '.{digits}f')"
        for rounded, name, exact in (("floor", low, "+ 1e-8"), ("ceil", high, "- 1e-8"))
    )
    # "−3–−1" cannot be read
    dash = f"(datum.{low} < 0 ? ' to ' : '–')"
    return f"isValid(datum.{low}) ? {start} + {dash} + {end} : 'none'"


def p(name: str) -> str:
    """An expression of Vega: a field as "p = 0.012" or "p < 0.001"; "not tested" without one."""
    # upwards, but not for the last bit of a float
    rounded = f"ceil(datum.{name} * 1000 - 1e-9) / 1000"
    shown = f"datum.{name} < 0.001 ? 'p < 0.001' : 'p = ' + format({rounded}, '.3f')"
    return f"isValid(datum.{name}) ? ({shown}) : 'not tested'"


def in_cells(
    rows: alt.Chart, column: str, color: Any, place: Mapping[str, Any], *, size: Any, dy: int
) -> alt.Chart:
    """A column as letters in the cells of a map, `dy` pixels below their middle."""
    letters = rows.mark_text(aria=False, fontSize=size, dy=dy)
    return letters.encode(text=alt.Text(column, type="nominal"), color=color, **place)


def size(columns: int, letters: int, most: int) -> Any:
    """Size of letters that fits a cell of a map on a phone too, at most so many pixels.

    columns: of the map. letters: of its longest text. Below 6 pixels there is no text.
    """
    fitting = f"1.7 / {letters} * width / {columns}"
    return alt.expr(f"{fitting} < 6 ? 0 : min({most}, {fitting})")


def note(name: str, base: alt.Chart, text: str, colour: str = DARK) -> alt.Chart:
    """A sentence in the middle of the chart, once, if `base` has any row left.

    text: an expression of Vega over the choices.
    """
    place: dict[str, Any] = {"x": alt.expr("width / 2"), "y": alt.expr("height / 2")}
    return (
        base.transform_aggregate(rows="count()")
        .transform_filter("datum.rows > 0")
        .transform_calculate(note=text)
        .mark_text(fontSize=alt.expr("min(13, width / 28)"), color=colour, **place)
        .encode(text=alt.Text("note", type="nominal"))
        .properties(name=name)
    )


def _look(look: tuple[str, str]) -> tuple[str, str]:
    colour, marker = look
    return colour, _SHAPES[marker]


def _legend(title: str) -> alt.Legend:
    # as many beside each other as there is room for, on a phone too
    columns = alt.expr("max(1, floor(width / 165))")
    return alt.Legend(
        title=title or None, orient="top", columns=columns, labelLimit=150, symbolOpacity=1
    )
