"""The study in a handful of numbers per model, of planted tables."""

from dataclasses import replace

import pandas as pd
import pytest

from signal_perception.report.results.depth import Reading
from signal_perception.report.results.noise_cells import THIRDS, with_clean_low
from signal_perception.report.summary import NONE_SHOWN, summary
from tests.support.noise_tables import contrasts_table, noise_table
from tests.support.results import accuracy, results

READING = Reading("poster", "log_mean")
MODEL = "timesformer_divided"


def _contrasts(weaker: tuple[str, str, str], grid: str = "figure3") -> pd.DataFrame:
    """Front − middle, middle − rear and front − rear, with the third that each finds weaker."""
    rows = contrasts_table().iloc[:1]
    pairs = (("front", "middle"), ("middle", "rear"), ("front", "rear"))
    parts = [
        rows.assign(
            grid=grid,
            first=first,
            second=second,
            k=1,
            difference=-10.0 if which == first else 10.0,
            p_holm=0.01 if which else 0.5,
        )
        for (first, second), which in zip(pairs, weaker)
    ]
    return pd.concat([contrasts_table().iloc[:2], *parts], ignore_index=True)


def test_every_number_of_a_model() -> None:
    found = summary([results()], READING)
    assert list(found) == ["shapes"] and list(found["shapes"]) == [MODEL, "i3d"]
    cells = noise_table()
    assert found["shapes"][MODEL] == {
        "top1": 75.78,
        "retention": round(cells["retention"].mean(), 3),
        # the static clip is the clip, so no tap shows motion
        "motion_share": 0.0,
    }
    assert found["shapes"]["i3d"] == {"top1": 75.78, "motion_share": 1.0}


@pytest.mark.parametrize(
    ("weaker", "third"),
    [
        (("middle", "middle", ""), "middle"),
        (("front", "", "front"), "front"),
        (("front", "middle", ""), ""),
        (("", "", ""), ""),
    ],
)
def test_the_weakest_third_loses_more_than_both_others(
    weaker: tuple[str, str, str], third: str
) -> None:
    cells = noise_table(grid="figure3", panels=THIRDS)
    given = replace(results(), noise={MODEL: cells}, contrasts={MODEL: _contrasts(weaker)})
    found = summary([given], READING)["shapes"][MODEL]
    assert found["weakest_third"] == (third or NONE_SHOWN)
    if third:
        own = cells.loc[cells["panel"] == third, "top1_mean"].mean()
        assert found["weakest_third_top1"] == round(own, 2)
    else:
        assert "weakest_third_top1" not in found


def test_without_thirds_nothing_is_said_of_them() -> None:
    found = summary([results()], READING)["shapes"][MODEL]
    assert not any(name.startswith("weakest_third") for name in found)


def test_a_model_at_chance_retains_nothing_that_could_be_counted() -> None:
    views = noise_table()["views"].iloc[0]
    # one source alone has no bound
    for low in (7.0, None):
        cells = with_clean_low(noise_table(), accuracy() | {"low1": low, "views": views})
        given = replace(results(), noise={MODEL: cells})
        assert "retention" not in summary([given], READING)["shapes"][MODEL]


def test_what_was_not_run_is_absent() -> None:
    given = replace(results(), accuracy={}, depth={}, noise={}, contrasts={})
    assert summary([given], READING) == {"shapes": {}}
