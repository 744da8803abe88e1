"""What is to be read first, found in the tables and the parameters."""

from dataclasses import replace

import pandas as pd

from signal_perception.report.findings.warnings import warnings
from signal_perception.report.results.tables import Results
from tests.support.results import accuracy, decode_table, results

MIRRORED = decode_table().assign(label=["turn_left", "turn_right", "wave"])


def test_nothing_odd_is_not_spoken_of() -> None:
    assert warnings(results(), {"flip": True}) == []
    assert warnings(Results("shapes", (), None, {}, {}, {}, {}, {}), {}) == []


def test_mirrored_classes_are_said_where_clips_are_mirrored() -> None:
    (sentence,) = warnings(replace(results(), decode=MIRRORED), {"flip": True})
    assert "(turn_left and turn_right), and datasets.shapes.flip is true" in sentence
    assert warnings(replace(results(), decode=MIRRORED), {"flip": False}) == []


def test_what_decoding_found_is_said_again() -> None:
    train = decode_table().assign(split="train")
    both = replace(results(), decode=pd.concat([decode_table(), train]).assign(label="turns"))
    one, shared, same = warnings(both, {"flip": True})
    assert "one class alone (turns)" in one
    assert "1 source of shapes has videos in the training and in the test split (g1)" in shared
    assert "2 test videos of shapes have the frames of a training video (a.mp4 = a.mp4," in same


def test_a_model_that_is_not_shown_to_be_above_chance_is_named() -> None:
    known = accuracy() | {"above_chance": False}
    (sentence,) = warnings(replace(results(), accuracy={"i3d": accuracy(), "swin": known}), {})
    assert sentence.startswith("Swin is not shown to be above chance: top-1 is 75.78 % (72.7–78.8)")
    # metrics that do not say so are read
    old = {key: value for key, value in accuracy(18).items() if key != "above_chance"}
    assert old["low1"] < old["chance1"]
    assert len(warnings(replace(results(), accuracy={"i3d": old}), {})) == 1
    assert warnings(replace(results(), accuracy={"i3d": old | {"low1": 12.6}}), {}) == []
    # one source has no interval
    unknown = old | {"low1": None, "high1": None}
    (sentence,) = warnings(replace(results(), accuracy={"i3d": unknown}), {})
    assert "(all test videos come from one source)" in sentence
