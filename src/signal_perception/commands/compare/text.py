"""Numbers of a comparison as text, on the terminal and on the page."""

import math
from collections.abc import Sequence

from signal_perception.commands.compare.numbers import Number
from signal_perception.report.results import naming

_NONE = "–"


def value(number: float | str | None, *, signed: bool = False) -> str:
    """A number with what digits it needs, at most four behind the point; a proper minus."""
    if number is None or isinstance(number, str):
        return _NONE if number is None else number
    if math.isnan(number):
        return _NONE
    text = f"{number:.2f}" if abs(number) >= 10 else f"{number:.3f}"
    text = text.replace("-", "−") if float(text) else text.replace("-", "")
    return f"+{text}" if signed and number > 0 and float(text) else text


def interval(number: Number) -> str:
    """The 95 % interval of a difference, rounded outwards so that it holds what it says."""
    if math.isnan(number.low) or math.isnan(number.high):
        return "no interval"
    digits = 2 if max(abs(number.low), abs(number.high)) >= 10 else 3
    scale = 10**digits
    # 12.300000000000001 is 12.3, and is not rounded up
    low = math.floor(round(number.low * scale, 6)) / scale
    high = math.ceil(round(number.high * scale, 6)) / scale
    return " to ".join(f"{end + 0:+.{digits}f}".replace("-", "−") for end in (low, high))


def p(number: float) -> str:
    """A p, never rounded down to significance."""
    if math.isnan(number):
        return _NONE
    return "< 0.001" if number < 0.001 else f"{math.ceil(round(number * 1000, 6)) / 1000:.3f}"


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
