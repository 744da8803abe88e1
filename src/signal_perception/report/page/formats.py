"""Numbers as the page writes them."""

from signal_perception.report.results import rounding


def number(value: float, digits: int = 2) -> str:
    """A number for a table: a proper minus sign, a dash where there is none."""
    return rounding.number(value, digits)


def chance(p: float) -> str:
    """A p for a table; small ones without digits that the bootstrap does not have."""
    return "< 0.001" if p < 0.001 else number(p, 3)


def span(values: tuple[float, ...], digits: int) -> str:
    """From the first of sorted values to the last; a dash where there are none."""
    ends = dict.fromkeys(values[:1] + values[-1:])
    return "–".join(number(value, digits) for value in ends) or "–"


def exact(value: object) -> str:
    """A value in full, as pandas writes it into a CSV file; empty where there is none."""
    if value is None or value != value:
        return ""
    # a NumPy number is written as Python's
    return str(value.item() if hasattr(value, "item") else value)  # pyright: ignore
