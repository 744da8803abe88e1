"""Is it motion? The rule for the words, and what it says of models that are known."""

from typing import Any

import pandas as pd
import pytest

from signal_perception.report.findings import motion
from signal_perception.report.findings.motion import Counts
from signal_perception.report.results.depth import Reading
from tests.support.spectral_tables import ENERGY, depth_table

POSTER = Reading("poster", "log_mean")


def answer(model: str, **known: Any) -> motion.Motion:
    (found,) = motion.answers({model: depth_table(model, **known)}, POSTER)
    return found


def test_a_model_that_sees_motion() -> None:
    found = answer("videomae_v1")
    assert found.kinds == {"MSA": Counts(12, 0, 0), "MLP": Counts(12, 0, 0)}
    assert (found.taps, found.missing) == (24, 0)
    assert found.median == pytest.approx(2)
    assert found.energy == pytest.approx(ENERGY)
    assert found.finding == (
        "VideoMAE V1: at 12 of 12 MSA and 12 of 12 MLP taps the clip has more than its static "
        "control: motion."
    )


def test_a_model_that_shows_its_own_time_code() -> None:
    found = answer("timesformer_divided", own=1000)
    assert found.kinds == {"MSA": Counts(0, 0, 12), "MLP": Counts(0, 0, 12)}
    assert found.median == pytest.approx(-0.01)
    assert found.energy == pytest.approx(1)
    assert found.finding == (
        "TimeSformer (divided): at 12 of 12 MSA and 12 of 12 MLP taps the clip has no more than "
        "its static control: the model's own time code, not motion."
    )


def test_a_model_that_sees_motion_in_its_later_half() -> None:
    # the first 12 of 24 taps
    found = answer("videomae_v1", own=12)
    assert found.kinds == {"MSA": Counts(6, 0, 6), "MLP": Counts(6, 0, 6)}
    assert found.finding.endswith("static control: motion at a part of the depth.")


def test_taps_without_a_value_are_not_counted() -> None:
    # the last three have T' = 2
    found = answer("i3d")
    assert (found.taps, found.missing, found.kinds) == (16, 3, {"Conv": Counts(13, 0, 0)})
    assert found.finding.startswith("I3D: at 13 of 13 Conv taps")


def test_a_model_without_its_static_control_has_no_answer() -> None:
    table = depth_table("i3d", controls=("clip", "shuffled"))
    assert motion.answers({"i3d": table}, POSTER) == []


def test_taps_are_counted_by_sign_where_p_is_below_5_percent() -> None:
    taps = pd.DataFrame(
        {
            "value": [1.0, -1.0, 1.0, -1.0, 1.0, float("nan")],
            "p_holm": [0.049, 0.049, 0.05, 0.8, float("nan"), float("nan")],
        }
    )
    assert motion.count(taps) == Counts(more=1, less=1, same=3)


@pytest.mark.parametrize(
    "more, less, energy, expected",
    [
        (9, 0, 0.1, "at 9 of 12 MLP taps the clip has more than its static control: motion."),
        (9, 0, float("nan"), "has more than its static control: motion."),
        (9, 3, 0.68, "motion, but most of the energy is there without it (0.68 of it)."),
        (8, 4, 0.1, "at 8 of 12 MLP taps the clip has more than its static control: motion at a"),
        (3, 0, 0.1, "at 3 of 12 MLP taps the clip has more than its static control: motion at a"),
        (2, 0, 0.1, "at 10 of 12 MLP taps the clip has no more than its static control: the model"),
        (0, 5, 0.1, "at 12 of 12 MLP taps the clip has no more than its static control (5 of them"),
    ],
)
def test_the_rule_for_the_words(more: int, less: int, energy: float, expected: str) -> None:
    counts = Counts(more, less, 12 - more - less)
    assert expected in motion.finding("X", {"MLP": counts}, energy)


def test_a_model_without_any_value_leaves_the_question_open() -> None:
    assert motion.finding("X", {"Conv": Counts(0, 0, 0)}, 0.1) == (
        "X: no tap has a value at this bin, so the question stays open."
    )
