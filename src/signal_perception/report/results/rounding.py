"""Numbers and intervals as text: what is shown of an interval holds all of it.

An estimate is rounded to the nearest, a lower bound down and an upper bound up at the digits shown:
12.5 (12.4 to 12.6) is "12.5 (12–13)" without digits, never "12.5 (12–12)".
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

NONE = "–"
# Digits behind the point beyond which a bound is arithmetic, not a result: 12.300000000000001 is
# 12.3, and is not rounded up to 12.4.
_EXACT = 9


def number(value: float, digits: int) -> str:
    """Rounded to the nearest, with a proper minus; a dash where there is none."""
    # a rounded −0.0 plus 0 is 0
    return NONE if value != value else _text(round(value, digits) + 0, digits)


def signed(value: float, digits: int) -> str:
    """A difference: `number` with its sign, none before 0."""
    text = number(value, digits)
    return f"+{text}" if value == value and round(value, digits) > 0 else text


def bounds(
    low: float, high: float, digits: int, value: float = float("nan"), *, plus: bool = False
) -> tuple[str, str]:
    """Both ends, rounded outwards; a dash where there is none.

    value: what the ends are of. An end that a rounding error has put past it is put back to it.
    plus: whether ends above 0 carry their sign.
    """
    low, high = min(low, _or(value, low)), max(high, _or(value, high))
    ends = ((low, ROUND_FLOOR), (high, ROUND_CEILING))
    return _bound(*ends[0], digits, plus), _bound(*ends[1], digits, plus)


def interval(
    low: float, high: float, digits: int, value: float = float("nan"), *, plus: bool = False
) -> str:
    """Both ends as text, "12–13" or "−0.3 to 0.2"; empty where an end is missing."""
    if low != low or high != high:
        return ""
    ends = bounds(low, high, digits, value, plus=plus)
    # a dash between would be read as a minus
    return " to ".join(ends) if plus or "−" in "".join(ends) else "–".join(ends)


def estimate(value: float, low: float, high: float, digits: int, of_bounds: int) -> str:
    """A value and behind it its interval, "84.38 (73.2–92.1)"; without where there is none."""
    ends = interval(low, high, of_bounds, value)
    return number(value, digits) + (f" ({ends})" if ends else "")


def p(value: float) -> str:
    """A p inside a sentence: "p = 0.012", "p < 0.001"; never rounded down to significance."""
    text = p_alone(value)
    return f"p = {text}" if text[0].isdigit() else f"p {text}"


def p_alone(value: float) -> str:
    """A p in a table: "0.012", "< 0.001"; small ones without digits that a bootstrap has not."""
    if value != value:
        return NONE
    return "< 0.001" if value < 0.001 else str(_rounded(value, ROUND_CEILING, 3))


def span(low: float, high: float, digits: int) -> str:
    """From the least to the most of several numbers, rounded outwards; or the one number."""
    return number(low, digits) if low == high else interval(low, high, digits)


def _or(value: float, otherwise: float) -> float:
    return otherwise if value != value else value


def _bound(value: float, rounding: str, digits: int, plus: bool) -> str:
    if value != value:
        return NONE
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    rounded = _rounded(value, rounding, digits)
    sign = "+" if plus and rounded > 0 else ""
    return sign + _text(rounded + 0, digits)


def _rounded(value: float, rounding: str, digits: int) -> Decimal:
    exact = Decimal(repr(round(float(value), _EXACT)))
    return exact.quantize(Decimal(1).scaleb(-digits), rounding)


def _text(value: float | Decimal, digits: int) -> str:
    text = f"{value:.{digits}f}"
    # −0.004 rounded up is "-0.00"
    negative = text.startswith("-") and text.strip("-0.")
    return f"−{text[1:]}" if negative else text.removeprefix("-")
