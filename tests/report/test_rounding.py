"""What is shown of an interval holds all of it, and its estimate."""

import numpy as np
import pytest

from signal_perception.report.results import rounding

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "digits", "shown"),
    [
        (12.4, 12.6, 0, "12–13"),
        (77.8851, 100.0, 1, "77.8–100.0"),
        (99.2, 99.96, 0, "99–100"),
        (-0.04, 0.21, 1, "−0.1 to 0.3"),
        (-0.3, -0.004, 2, "−0.30 to 0.00"),
        (0.0, 0.0, 1, "0.0–0.0"),
        # sums of binary fractions that mean 12.3 and 0.3
        (12.299999999999999, 0.1 + 0.2 + 12, 1, "12.3–12.3"),
        (NAN, 12.0, 1, ""),
        (-np.inf, 2.0, 1, "−∞ to 2.0"),
    ],
)
def test_bounds_are_rounded_outwards(low: float, high: float, digits: int, shown: str) -> None:
    assert rounding.interval(low, high, digits) == shown


def test_no_interval_that_is_shown_leaves_its_value_or_its_bounds_out() -> None:
    random = np.random.default_rng(0)
    for value, below, above in random.uniform(-5, 5, (300, 3)):
        low, high = value - abs(below) / 50, value + abs(above) / 50
        for digits in (0, 1, 2):
            shown = rounding.bounds(low, high, digits, value)
            first, last = (float(text.replace("−", "-")) for text in shown)
            estimate = float(rounding.number(value, digits).replace("−", "-"))
            assert first <= low and high <= last
            assert first <= estimate <= last


def test_a_bound_that_a_rounding_error_has_put_past_the_value_holds_it() -> None:
    assert rounding.interval(77.2, 99.4, 0, value=100.0) == "77–100"


def test_numbers_estimates_and_p() -> None:
    assert rounding.number(-0.04, 1) == "0.0"
    assert rounding.number(-1.25, 1) == "−1.2"
    assert rounding.number(NAN, 1) == "–"
    assert rounding.signed(0.04, 1) == "0.0"
    assert rounding.signed(2.0, 1) == "+2.0"
    assert rounding.estimate(84.375, 73.21, 92.16, 2, 1) == "84.38 (73.2–92.2)"
    assert rounding.estimate(84.375, NAN, NAN, 2, 1) == "84.38"
    assert rounding.span(1.52173913, 3.65217391, 2) == "1.52–3.66"
    assert rounding.span(1.52173913, 1.52173913, 2) == "1.52"
    assert [rounding.p(value) for value in (0.0004, 0.0496, 0.05, NAN)] == [
        "p < 0.001",
        "p = 0.050",
        "p = 0.050",
        "p –",
    ]
