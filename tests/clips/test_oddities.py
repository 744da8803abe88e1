"""Classes whose names mirror each other are found, and no others."""

import pytest

from signal_perception.clips.oddities import mirrored, said_of_mirrored, said_of_one_class


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left", "right"),
        ("turn_left", "turn_right"),
        ("Swiping Left", "Swiping Right"),
        ("turnLeft", "turnRight"),
        ("swipeleft", "swiperight"),
        ("anticlockwise", "clockwise"),
        ("turn-clockwise", "turn-counter-clockwise"),
        ("Turning Hand Clockwise", "Turning Hand Counterclockwise"),
        ("left hand to right", "right hand to left"),
        ("hand_l", "hand_r"),
        ("spin CCW", "spin CW"),
        ("leftwards 2", "rightwards 2"),
    ],
)
def test_mirrored_classes_are_found_in_any_spelling(one: str, other: str) -> None:
    expected = [tuple(sorted((one, other)))]
    assert mirrored([one, "wave", other]) == mirrored([other, one, "clap"]) == expected


@pytest.mark.parametrize(
    "classes",
    [
        (),
        ("left",),
        ("turn_left", "swing_right"),
        ("bright", "night"),
        # a mirror swaps both words of a name
        ("left hand to left", "right hand to left"),
        ("turn_left_1", "turn_right_2"),
        ("climb", "climb_stairs", "ride_bike", "TaiChi", "HandstandWalking"),
        ("pull up", "pull down"),
    ],
)
def test_other_classes_are_not(classes: tuple[str, ...]) -> None:
    assert mirrored(classes) == []


def test_the_sentences_name_classes_key_and_remedy() -> None:
    said = said_of_mirrored("gestures", mirrored(["left", "right"]))
    assert "gestures mirror each other (left and right), and datasets.gestures.flip is true" in said
    assert said.endswith("set it to false.")
    many = mirrored([f"{side} {what}" for side in ("left", "right") for what in "abcde"])
    assert "left c and right c; 2 more pairs)" in said_of_mirrored("gestures", many)
    assert "one class alone (wave)" in said_of_one_class("gestures", ["wave"])
