"""What every chart of the page keeps, whatever it shows."""

import json
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from signal_perception.report.charts.chart import Chart
from tests.report import (
    test_accuracy_charts as accuracy,
)
from tests.report import (
    test_noise_charts as noise,
)
from tests.report import (
    test_spectral_charts as spectral,
)
from tests.report import (
    test_transfer_charts as transfer,
)
from tests.support import drawn
from tests.support.results import results

Made = Callable[[], Mapping[str, Chart]]

# Part of the page → its charts of planted tables, made anew at every call; their names in order.
PARTS: dict[str, tuple[Made, list[str]]] = {
    "accuracy": (lambda: accuracy.charts(accuracy.planted()), accuracy.NAMES),
    "noise": (lambda: noise.charts(noise.planted()), noise.NAMES),
    "spectral": (lambda: spectral.charts(results()), spectral.NAMES),
    "transfer": (lambda: transfer.charts(transfer.planted()), transfer.NAMES),
}
CHARTS = [(part, name) for part, (_, names) in PARTS.items() for name in names]


@cache
def made(part: str) -> Mapping[str, Chart]:
    return PARTS[part][0]()


@pytest.mark.parametrize(("part", "name"), CHARTS)
def test_a_chart_is_sound_and_is_drawn_without_a_warning(
    part: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    chart = made(part)[name]
    drawn.assert_is_sound(chart)
    drawn.svg(chart)
    assert "WARN" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("part", PARTS)
def test_the_charts_are_those_of_the_page_in_order(part: str) -> None:
    assert list(made(part)) == PARTS[part][1]


@pytest.mark.parametrize("part", PARTS)
def test_equal_tables_give_equal_bytes(part: str) -> None:
    again = PARTS[part][0]()
    for name, chart in made(part).items():
        assert json.dumps(chart.spec) == json.dumps(again[name].spec)
        assert chart.table.to_csv(index=False) == again[name].table.to_csv(index=False)
