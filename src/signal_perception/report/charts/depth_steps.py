"""Steps of Vega-Lite between a chart's table and what charts along the depth draw of it."""

from typing import Any

from signal_perception.report.charts import marks

# A transform of Vega-Lite.
Step = dict[str, Any]


def at_places(panel: str, *fields: str, keep: str = "false") -> list[Step]:
    """Steps to the field x of the taps that a panel has.

    panel: an expression, "a", "b" or "c". fields: what the taps of one line have in common, beside
    the model. keep: an expression, rows that stay although they have no place.
    """
    of_panel = f"datum['place_' + {panel}]"
    return [
        only(f"isValid({of_panel}) || {keep}"),
        calculated("place", of_panel),
        joined("max", "place", "last", "model", *fields),
        calculated("x", "isValid(datum.place) ? datum.place / max(datum.last, 1) : null"),
    ]


def in_words(*fields: str, hertz: bool = True, digits: int = 3) -> list[Step]:
    """Steps to what bars and tooltips need: neighbours, interval and hertz.

    fields: what the taps of one line have in common, beside the model.
    """
    found = [
        joined("valid", "value", "neighbours", "model", "stretch", *fields),
        calculated("interval", marks.interval("low", "high", digits)),
    ]
    return [*found, calculated("hertz", _hertz())] if hertz else found


def only(which: str) -> Step:
    """Keeps the rows for which an expression holds."""
    return {"filter": which}


def calculated(field: str, expression: str) -> Step:
    """A field of each row; of a name that the table does not have, for it is calculated anew."""
    return {"calculate": expression, "as": field}


def joined(op: str, field: str, name: str, *groups: str) -> Step:
    """A number of all rows that agree in some fields, at each of them."""
    return {"joinaggregate": [{"op": op, "field": field, "as": name}], "groupby": list(groups)}


def _hertz() -> str:
    """An expression: Hz of a mark, and of the lowest and highest bin of its tap."""
    whole = "datum.hz / datum.omega"
    lowest = f"format({whole} * 2 / datum.tokens, '.2f')"
    highest = f"format({whole} * 2 * floor(datum.tokens / 2) / datum.tokens, '.2f')"
    said = f"format(datum.hz, '.2f') + ' Hz, of bins from ' + {lowest} + ' to ' + {highest} + ' Hz'"
    return f"isValid(datum.hz) && datum.omega > 0 ? {said} : 'none'"
