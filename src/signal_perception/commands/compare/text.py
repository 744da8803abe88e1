"""Numbers of a comparison as text, on the terminal and on the page."""

from collections.abc import Sequence

from signal_perception.commands.compare.numbers import Number
from signal_perception.report.results import naming, rounding


def value(number: float | str | None, *, signed: bool = False) -> str:
    """A number with what digits it needs, at most three behind the point; a proper minus."""
    if number is None or isinstance(number, str):
        return rounding.NONE if number is None else number
    digits = 2 if abs(number) >= 10 else 3
    return rounding.signed(number, digits) if signed else rounding.number(number, digits)


def interval(number: Number) -> str:
    """The 95 % interval of a difference, rounded outwards so that it holds what it says."""
    digits = 2 if max(abs(number.low), abs(number.high)) >= 10 else 3
    return rounding.interval(number.low, number.high, digits, plus=True) or "no interval"


def named(number: Number) -> tuple[str, str, str]:
    """Data set, model and place for readers."""
    return naming.dataset(number.dataset), naming.model(number.model), number.place or "all videos"


def kinds(numbers: Sequence[Number]) -> list[tuple[str, int, int, int]]:
    """Each kind with how many numbers were compared, are the same to the last digit, and moved."""
    found = []
    for kind in dict.fromkeys(each.kind for each in numbers):
        inside = [each for each in numbers if each.kind == kind]
        same = sum(each.same for each in inside)
        found.append((kind, len(inside), same, sum(each.moved for each in inside)))
    return found
