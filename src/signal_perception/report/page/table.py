"""A table of the page: what its cells say, and the numbers behind them in full."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from signal_perception.report.page.formats import exact
from signal_perception.report.results import rounding


@dataclass(frozen=True)
class Column:
    """A column. look: classes of its cells in page.css: text, wrap, poster."""

    title: str
    look: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell: its text, and for sorting and for the CSV file its value in full with its interval.

    A cell without a value stands in the file as its text does.
    """

    text: str
    value: object = None
    low: float | None = None
    high: float | None = None

    @property
    def data(self) -> dict[str, str]:
        """The attributes data-… of the cell; no value is told of a cell that is its text."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        written = {name: exact(value) for name, value in numbers.items()}
        return {name: text for name, text in written.items() if text}


@dataclass(frozen=True)
class Row:
    """A row, the first cell of which names it. marked: to be seen at once."""

    cells: Sequence[Cell]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table. name: unique in its data set's section; title: for readers who do not see it."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row] = field(default_factory=list)


def text(value: str) -> Cell:
    """A cell of text, a dash where there is none."""
    return Cell(value or "–", value or None)


def numeral(value: float, digits: int = 2, unit: str = "") -> Cell:
    """A cell of a number."""
    shown = rounding.number(value, digits)
    return Cell(shown if shown == "–" else shown + unit, value)


def count(value: int) -> Cell:
    """A cell of a number of things."""
    return Cell(str(value), value)


def chance_of(p: float) -> Cell:
    """A cell of a p."""
    return Cell(rounding.p_alone(p), p)


def between(value: float, low: float, high: float, *, digits: int = 1) -> Cell:
    """A cell of a difference, with its interval, the ends of which may lie on both sides of 0."""
    ends = " to ".join(rounding.bounds(low, high, digits, value))
    return Cell(f"{rounding.number(value, digits)} ({ends})", value, low, high)


def percent(value: float, low: float | None, high: float | None, *, digits: int) -> Cell:
    """A cell of a number that is never negative, with its interval where there is one."""
    ends = [float("nan") if end is None else end for end in (low, high)]
    return Cell(rounding.estimate(value, ends[0], ends[1], digits, digits), value, low, high)


def names(*titles: str) -> list[Column]:
    """Columns of text."""
    return [Column(title, "text") for title in titles]


def numbers(*titles: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(title) for title in titles]
