"""What a run will cost adds up."""

import pytest

from signal_perception.noise import forecast
from signal_perception.noise.forecast import Seconds, Work


def test_the_forecast_adds_up() -> None:
    seconds = Seconds(read=2.0, steps=(1.0, 10.0, 10.0, 1.0), clips=16)
    # one part of three batches, of which all units begin with the last block but one of two
    work = Work(all=[[1, 2, 2, 2]], left=[[2]], clips=[40])
    plain, ours = 4 * 22 * 3, (21 + 3 * 11) * 3 + (1 + 10) * 3
    assert work.saved(seconds) == pytest.approx(1 - ours / plain)
    assert work.minutes(seconds) == pytest.approx(3 * (11 + 11 + 2) / 60)
    assert Work([[]], [[]], [40]).saved(seconds) == 0
    assert Work([[1]], [[]], [40]).minutes(seconds) == 0
    line = forecast.costs(work, seconds, 2.0)
    assert line.startswith(f"clean states save {100 * (1 - ours / plain):.0f} % of it; 3 of 4")
    assert line.endswith("the others take at most 1.2 minutes")
