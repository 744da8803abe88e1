"""What charts along the depth are drawn of: bands, lines, markers, tooltips, what is clipped."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import DATA
from signal_perception.report.findings.motion import LEVEL
from signal_perception.report.results import palette

HEIGHT = 340
# p after Holm is below the level.
SURE = f"isValid(datum.p_holm) && datum.p_holm < {LEVEL}"

# What is chosen → lowest and highest value of the axis.
Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Look:
    """How the values of one column look. looks: value → colour and symbol of Vega.

    dashes: value → dashes of its line in pixels, of those whose line is not whole.
    """

    field: str
    title: str
    looks: Mapping[str, tuple[str, str]]
    dashes: Mapping[str, list[int]] | None = None

    @property
    def color(self) -> alt.Color:
        return alt.Color(**self._channel([color for color, _ in self.looks.values()]))

    @property
    def fill(self) -> alt.Fill:
        return alt.Fill(**self._channel([color for color, _ in self.looks.values()]))

    @property
    def shape(self) -> alt.Shape:
        return alt.Shape(**self._channel([symbol for _, symbol in self.looks.values()]))

    @property
    def dash(self) -> alt.StrokeDash:
        dashes = self.dashes or {}
        return alt.StrokeDash(**self._channel([dashes.get(each, [1, 0]) for each in self.looks]))

    def _channel(self, values: list[Any]) -> dict[str, Any]:
        """What channels of one field share, so that they have one legend."""
        letters = max(len(each) for each in self.looks)
        columns = alt.expr(f"max(1, floor(width / {45 + 6.5 * letters:g}))")
        return {
            "field": self.field,
            "type": "nominal",
            "scale": alt.Scale(domain=list(self.looks), range=values),
            # as many entries in a row as have room, and as dark as lines, which bands are not
            "legend": alt.Legend(
                title=self.title, orient="top", columns=columns, symbolOpacity=1, labelLimit=260
            ),
        }


# What a model was shown → colour and symbol; the same as in charts of accuracy.
CONTROLS = {
    "clip": ("#0072b2", "circle"),
    "static": ("#d55e00", "square"),
    "shuffled": ("#cc79a7", "diamond"),
    "reversed": ("#009e73", "triangle-left"),
}
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down")
_OTHER_DASHES = ([7, 3], [2, 2], [9, 3, 2, 3], [5, 2])
_DASHES = {"static": [7, 3, 2, 3], "shuffled": [6, 3], "reversed": [2, 3]}


def of_controls(there: Collection[str]) -> Look:
    """Those of the clip and its controls."""
    looks = {name: look for name, look in CONTROLS.items() if name in there}
    return Look("clip", "shown as", looks, _DASHES)


def of_kinds(there: Collection[str]) -> Look:
    """Those of the kinds of taps."""
    symbols = dict(zip(palette.KINDS, _SYMBOLS))
    looks = {k: (palette.KINDS[k][0], symbols[k]) for k in palette.KINDS if k in there}
    return Look("kind", "kind of tap", looks)


def of_weights(own: str, others: Sequence[str]) -> Look:
    """Those of a data set's own weights and of others, by their names for readers.

    own: empty where they are not drawn.
    """
    looks = {own: (palette.OWN, _SYMBOLS[0])} if own else {}
    for place, name in enumerate(others):
        color = palette.OTHERS[place % len(palette.OTHERS)]
        looks[name] = (color, _SYMBOLS[1 + place % (len(_SYMBOLS) - 1)])
    dashes = {name: _OTHER_DASHES[place % 4] for place, name in enumerate(others)}
    return Look("weights", "weights", looks, dashes)


def of_models(models: Sequence[str]) -> Look:
    """Those of the models, by their names for readers."""
    return Look("model", "model", marks.of_models(models))


def depth_axis(field: str = "x") -> alt.X:
    """Normalised depth, from the first tap to the last."""
    scale = alt.Scale(domain=[-0.02, 1.02], nice=False)
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f")
    return alt.X(f"{field}:Q", title="normalised depth", scale=scale, axis=axis)


def value_axis(title: str, limits: Limits, key: str, field: str = "value") -> alt.Y:
    """A field between limits; key: an expression, which of them."""
    low, high = (end(limits, key, side) for side in (0, 1))
    scale = alt.Scale(domain=[alt.ExprRef(low), alt.ExprRef(high)], nice=False, zero=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale)


def end(limits: Limits, key: str, side: int) -> str:
    """The lowest (0) or highest (1) limit as an expression."""
    pairs = ", ".join(f"{json.dumps(name)}: {ends[side]:.6g}" for name, ends in limits.items())
    return f"({{{pairs}}})[{key}]"


def drawn(
    look: Look,
    y: alt.Y,
    tooltip: Sequence[alt.Tooltip],
    *,
    x: alt.X | None = None,
    low: str = "low",
    high: str = "high",
    where: str = "",
    dashed: bool = False,
    tested: bool = False,
    sure: str = SURE,
) -> list[alt.Chart]:
    """A line at 0, band, line and markers; a bar where a tap is alone on its line.

    Parameters
    ----------
    y: value; low, high: fields of its interval. x: the depth where it is not given.
    where: an expression, which rows are drawn so; empty: all. dashed: whether lines have dashes of
        their own.
    tested: whether markers are hollow where `sure`, an expression, does not hold.
    """
    stretch = alt.Detail("stretch:N")
    shared = {"color": look.color, "x": depth_axis() if x is None else x}
    lowest = y.copy()
    lowest["shorthand"] = f"{low}:Q"
    ends = {"y": lowest, "y2": alt.Y2(f"{high}:Q")}
    base = alt.Chart().transform_filter(where) if where else alt.Chart()
    band = base.mark_area(clip=True, opacity=0.15, tooltip=None, aria=False)
    band = band.encode(**shared, **ends, detail=stretch).properties(name="band")
    bars = base.transform_filter("datum.neighbours === 1")
    bars = bars.mark_rule(clip=True, opacity=0.4, strokeWidth=2, aria=False)
    bars = bars.encode(**shared, **ends).properties(name="bars")
    line = base.mark_line(clip=True, strokeWidth=1.5, aria=False).encode(
        **shared, y=y, detail=stretch
    )
    if dashed:
        line = line.encode(strokeDash=look.dash)
    # hollow is empty and not white, which would be a hole in a dark page
    filled = alt.condition(sure, alt.value(1), alt.value(0)) if tested else alt.value(1)
    points = base.mark_point(clip=True, size=40, strokeWidth=1.2, opacity=1)
    points = points.encode(
        **shared, y=y, shape=look.shape, fill=look.fill, fillOpacity=filled, tooltip=list(tooltip)
    )
    return [zero(y), band, bars, line.properties(name="lines"), points.properties(name="marks")]


def zero(y: alt.Y) -> alt.Chart:
    """A line at 0, in the colour of the page's letters."""
    once = alt.Chart(name="zero").transform_aggregate(rows="count()")
    at_zero = alt.YDatum(0, title=y["title"], scale=y["scale"])
    return once.mark_rule(clip=True, strokeWidth=1, aria=False).encode(y=at_zero)


def behind(look: Look, y: alt.Y, where: str, dash: Sequence[int], name: str) -> alt.Chart:
    """A thin line in the same colour and without markers, of some rows."""
    line = alt.Chart(name=name).transform_filter(where)
    line = line.mark_line(clip=True, strokeWidth=1, strokeDash=list(dash), opacity=0.8, aria=False)
    return line.encode(color=look.color, x=depth_axis(), y=y, detail=alt.Detail("stretch:N"))


def beyond(limits: Limits, key: str) -> alt.Chart:
    """How many values lie outside the axis, and between what numbers; nothing where none does."""
    low, high = end(limits, key, 0), end(limits, key, 1)
    found = (
        alt.Chart(name="beyond")
        .transform_filter(f"isValid(datum.value) && (datum.value < {low} || datum.value > {high})")
        .transform_aggregate(n="count()", lowest="min(value)", highest="max(value)")
        .transform_filter("datum.n > 0")
        .transform_calculate(
            said="datum.n + (datum.n === 1 ? ' value' : ' values') + ' beyond the axis: ' + "
            "format(datum.lowest, '.1f') + "
            "(datum.n === 1 ? '' : ' to ' + format(datum.highest, '.1f'))"
        )
    )
    place: dict[str, Any] = {"x": alt.expr("width - 4"), "y": 4}
    look = {"align": "right", "baseline": "top", "color": marks.DARK, "fontSize": 11}
    return found.mark_text(**place, **look).encode(text=alt.Text("said:N"))


def tooltip(value: str, columns: Sequence[str], *place: str, digits: int = 3) -> list[alt.Tooltip]:
    """What hovering says: the place, value and interval, p, frequency, T′ and n.

    value: its name. columns: of the chart's table. place: its fields that say what a mark is of.
    """
    known = [
        *(alt.Tooltip(f"{name}:N") for name in place),
        alt.Tooltip("value:Q", title=value, format=f".{digits}f"),
        alt.Tooltip("interval:N", title="95 % interval"),
    ]
    more = {
        "p_holm": alt.Tooltip("p_holm:Q", title="p after Holm", format=".2g"),
        "omega": alt.Tooltip("omega:Q", title="ω, π per step", format=".3f"),
        "hz": alt.Tooltip("hertz:N", title="frequency"),
        "tokens": alt.Tooltip("tokens:Q", title="T′"),
        "n_videos": alt.Tooltip("n_videos:Q", title="videos"),
        "n_clusters": alt.Tooltip("n_clusters:Q", title="clusters of one source"),
        "n_runs": alt.Tooltip("n_runs:Q", title="runs"),
    }
    return [*known, *(each for name, each in more.items() if name in columns)]


def finished(
    layers: Sequence[alt.Chart],
    params: Sequence[alt.Parameter],
    steps: Sequence[dict[str, Any]],
    description: str,
    **look: Any,
) -> dict[str, Any]:
    """The specification of layers over each other, as wide as their place on the page.

    params: inputs, in their order. steps: between the table and all layers. description: a
    sentence for screen readers.
    """
    size = {"width": "container", "height": HEIGHT}
    about = {"description": description, "transform": list(steps), **size, **look}
    chart = alt.layer(*layers, data=alt.NamedData(DATA), **about).add_params(*params)
    # tests hold all charts to the schema, which takes a third of the time that a chart is made in
    return chart.to_dict(validate=False)
