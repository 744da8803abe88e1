"""What other weights change: the rule for the words, and what the figure draws."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from signal_perception.report.figures.weights_figure import weights_figure
from signal_perception.report.findings.motion import Counts
from signal_perception.report.results import weights
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.weights import Comparison, Medians
from tests.support.results import others
from tests.support.spectral_tables import depth_table

POSTER = Reading("poster", "log_mean")
START = "hmdb51-start"
NOTHING = Medians(float("nan"), float("nan"))
HIGHER = {"MSA": Counts(3, 1, 2), "MLP": Counts(4, 0, 2)}
LOWER = {"MSA": Counts(0, 4, 2), "MLP": Counts(0, 4, 2)}


def compare(model: str, name: str = "shapes-start", **known: Any) -> Comparison:
    table = depth_table(model, weights=name, **known)
    (found,) = weights.comparisons(
        {model: {name: table}}, {model: depth_table(model)}, POSTER, "shapes"
    )
    return found


@pytest.mark.parametrize(
    "name, expected",
    [
        ("hmdb51", "fine-tuned on HMDB51"),
        ("ucf101", "fine-tuned on UCF101"),
        ("hmdb51-start", "before fine-tuning"),
        ("ucf101-start", "before fine-tuning on UCF101"),
    ],
)
def test_weights_are_named_for_readers(name: str, expected: str) -> None:
    assert weights.name(name, "hmdb51") == expected


def test_fine_tuning_that_lowered_delta_everywhere() -> None:
    found = compare("videomae_v1")
    assert found.kinds == {"MSA": Counts(12, 0, 0), "MLP": Counts(12, 0, 0)}
    assert (found.taps, found.missing) == (24, 0)
    assert found.median == pytest.approx(0.3)
    assert (found.motion.other, found.motion.own) == pytest.approx((2.3, 2.0))
    assert found.finding == (
        "VideoMAE V1, before fine-tuning: Δ differs at 12 of 12 MSA and 12 of 12 MLP taps, higher "
        "before fine-tuning at 24 and lower at 0: fine-tuning lowered the share of fast content; "
        "the motion share (median of clip − static) shrank with fine-tuning from 2.30 to 2.00."
    )


def test_taps_that_do_not_differ_and_taps_without_a_value_are_told_apart() -> None:
    # 16 taps, of which the last three have T' = 2
    found = compare("i3d", "ucf101", same=4, shift=-0.3)
    assert (found.taps, found.missing, found.kinds) == (16, 3, {"Conv": Counts(0, 9, 4)})
    assert found.finding == (
        "I3D, fine-tuned on UCF101: Δ differs at 9 of 13 Conv taps, higher with these weights at 0 "
        "and lower at 9: the share of fast content is smaller fine-tuned on UCF101 than fine-tuned "
        "on shapes; the motion share (median of clip − static) is 1.70 fine-tuned on UCF101 and "
        "2.00 fine-tuned on shapes."
    )


def test_weights_without_a_static_control_say_nothing_of_motion() -> None:
    found = compare("swin", controls=("clip", "shuffled"))
    assert np.isnan(found.motion.other)
    assert "motion" not in found.finding


@pytest.mark.parametrize(
    "name, kinds, expected",
    [
        (START, HIGHER, "fine-tuning lowered the share of fast content."),
        (START, LOWER, "fine-tuning raised the share of fast content."),
        ("ucf101", HIGHER, "is larger fine-tuned on UCF101 than fine-tuned on HMDB51."),
        ("ucf101-start", LOWER, "is smaller before fine-tuning on UCF101 than fine-tuned on HMDB"),
        # exactly half is not more than half
        (START, {"MLP": Counts(6, 0, 6)}, "lower at 0: no difference at most taps."),
        (START, {"MLP": Counts(4, 4, 4)}, "lower at 4: in both directions, so no change of one"),
        (START, {"MLP": Counts(6, 6, 0)}, "lower at 6: in both directions, so no change of one"),
        (START, {"MLP": Counts(7, 5, 0)}, "lower at 5: fine-tuning lowered the share of fast"),
        (START, {"MLP": Counts(0, 0, 12)}, "at 0 of 12 MLP taps: no difference at most taps."),
        (START, {"MLP": Counts(0, 0, 0)}, "no tap has a value at this bin, so nothing is compared"),
    ],
)
def test_the_rule_for_the_change(name: str, kinds: dict[str, Counts], expected: str) -> None:
    assert expected in weights.finding("i3d_inception", name, "hmdb51", kinds, NOTHING)


@pytest.mark.parametrize(
    "name, medians, expected",
    [
        (START, (0.35, 0.8), "grew with fine-tuning from 0.35 to 0.80."),
        (START, (0.8, -0.05), "shrank with fine-tuning from 0.80 to −0.05."),
        # equal as printed
        (START, (0.501, 0.499), "stayed at 0.50 with fine-tuning."),
        ("ucf101", (0.35, 0.8), "is 0.35 fine-tuned on UCF101 and 0.80 fine-tuned on HMDB51."),
    ],
)
def test_the_rule_for_the_motion_share(
    name: str, medians: tuple[float, float], expected: str
) -> None:
    said = weights.finding("i3d", name, "hmdb51", HIGHER, Medians(*medians))
    assert said.endswith(f"; the motion share (median of clip − static) {expected}")


def test_weights_without_own_ones_to_compare_with_are_left_out() -> None:
    own = {"i3d": depth_table("i3d"), "swin": depth_table("swin")}
    given = {"i3d": {"shapes-start": own["i3d"]}, "videomae_v1": others()["i3d"]}
    assert weights.present(given, own) == {}
    found = weights.present({**given, "i3d": others()["i3d"]}, own)
    assert {model: list(tables) for model, tables in found.items()} == {
        "i3d": ["shapes-start", "gestures"]
    }
    assert weights.without(found, own, "shapes") == {
        "swin": "not run before fine-tuning and fine-tuned on gestures"
    }


def _values(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), np.float64)


def test_each_model_has_its_weights_above_and_their_difference_below() -> None:
    own = {"i3d": depth_table("i3d"), "swin": depth_table("swin")}
    given = {
        "i3d": others()["i3d"],
        "swin": {"gestures": depth_table("swin", weights="gestures", same=5)},
    }
    figure = weights_figure(given, own, POSTER, "shapes", dpi=50)
    above, other, below, difference = figure.axes
    assert [axis.get_title() for axis in (above, other)] == ["I3D", "Swin"]
    # own, before, elsewhere; Δ = −1 − bin/10 − order/100
    assert [_values(line)[0] for line in above.lines] == pytest.approx([-1.31, -1.01, -1.01])
    assert [line.is_dashed() for line in above.lines] == [False, True, True]
    # T' changes after 10 taps
    assert all(np.isnan(_values(line)[10]) for line in above.lines)
    assert np.isnan(_values(below.lines[1])[10])
    assert _values(below.lines[1])[:10] == pytest.approx([0.3] * 10)
    # zero, line, filled, hollow
    color = other.lines[1].get_color()
    assert color == above.lines[2].get_color()
    _, line, filled, hollow = difference.lines
    assert [to_hex(each.get_markerfacecolor()) for each in (filled, hollow)] == [color, "#ffffff"]
    assert (len(_values(filled)), len(_values(hollow))) == (43, 5)
    assert list(_values(line)[:6]) == pytest.approx([0] * 5 + [0.3])
    assert below.get_ylim() == difference.get_ylim()
    labels = [label.get_text() for label in figure.legends[0].get_texts()]
    assert labels[:3] == [
        "own: fine-tuned on shapes",
        "before fine-tuning",
        "fine-tuned on gestures",
    ]
