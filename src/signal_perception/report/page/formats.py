"""What the page's tables write beside `results.rounding`."""

from signal_perception.report.results import rounding


def span(values: tuple[float, ...], digits: int) -> str:
    """From the first of sorted values to the last; a dash where there are none."""
    return rounding.span(values[0], values[-1], digits) if values else rounding.NONE


def exact(value: object) -> str:
    """A value in full, as pandas writes it into a CSV file; empty where there is none."""
    if value is None or value != value:
        return ""
    # a NumPy number is written as Python's
    return str(value.item() if hasattr(value, "item") else value)  # pyright: ignore
