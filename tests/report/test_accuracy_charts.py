"""The interactive charts of accuracy: their tables are the planted ones, and Vega draws them."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from signal_perception.report.charts.accuracy import accuracy_charts
from signal_perception.report.charts.chart import Chart
from signal_perception.report.findings import confusion
from signal_perception.report.results.tables import Results
from signal_perception.statistics.proportions import wilson
from tests.support import drawn
from tests.support.accuracy_tables import calibration_table, classes_table, confusion_table
from tests.support.results import accuracy, curve, results, sampling

NAMES = ["table1", "classes", "confusion", "calibration", "curves", "sampling", "decode"]
MODELS = ["TimeSformer (divided)", "I3D"]


def planted(**changed: Any) -> Results:
    known = results()
    metrics = {model: accuracy() | {"sampling": sampling()} for model in known.models}
    return replace(known, **{"accuracy": metrics} | changed)


def charts(found: Results) -> dict[str, Chart]:
    made = accuracy_charts(found, drawn.settings(*found.models))
    return {chart.name: chart for chart in made}


@pytest.fixture(scope="module")
def made() -> dict[str, Chart]:
    return charts(planted())


def test_what_was_not_run_has_no_chart() -> None:
    nothing = Results("shapes", ("i3d",), None, {}, {}, {}, {}, {})
    assert accuracy_charts(nothing, drawn.settings()) == []


def test_table_1_has_the_numbers_of_the_metrics(made: dict[str, Chart]) -> None:
    table, metrics = made["table1"].table, accuracy()
    assert list(dict.fromkeys(table["model"])) == MODELS
    for k in (1, 5):
        own = table.loc[(table["k"] == f"top-{k}") & (table["clip"] == "as it is")]
        for column, key in (("percent", "top"), ("low", "low"), ("high", "high")):
            assert list(own[column]) == [metrics[f"{key}{k}"]] * 2
        assert list(own["chance"]) == [metrics[f"chance{k}"]] * 2
    control = table.loc[table["clip"] == "shuffled"]
    assert list(control["percent"]) == [14.0625] * 2
    assert control["low"].isna().all()


def test_table_1_has_a_dot_per_model_and_clip_at_the_chosen_k(made: dict[str, Chart]) -> None:
    first, other = drawn.svg(made["table1"]), drawn.svg(made["table1"], k="top-5")
    # the planted control has neither top-5 nor an interval
    assert [len(drawn.marks(each, "dots")) for each in (first, other)] == [4, 2]
    assert [len(drawn.marks(each, "intervals")) for each in (first, other)] == [2, 2]
    assert len(drawn.marks(first, "chance")) == 1


def test_the_poster_stands_beside_its_own_data_set() -> None:
    chart = charts(replace(planted(), dataset="hmdb51"))["table1"]
    poster = chart.table.loc[chart.table["clip"] == "the poster's model"]
    assert list(poster["percent"]) == [71.37, 93.86, 71.44, 93.20]
    assert len(drawn.marks(drawn.svg(chart), "dots")) == 6


def test_classes_have_their_numbers_and_intervals(made: dict[str, Chart]) -> None:
    chart, planted = made["classes"], classes_table()
    own = chart.table.loc[chart.table["model"] == "I3D"]
    for column in ("class", "correct", "top1", "low", "high"):
        assert own[column].reset_index(drop=True).equals(planted[column])
    picture = drawn.svg(chart, model="I3D")
    assert len(drawn.marks(picture, "dots")) == 3
    # outwards, but no further for the last bit of a float: 38.6 is 38.6
    assert "38.6–81.5" in drawn.labels(picture, "dots")[0]
    # all videos of clap come from one source
    assert len(drawn.marks(picture, "intervals")) == 2
    assert order(picture) == ["NA", "clap", "wave"]
    assert order(drawn.svg(chart, order="highest first")) == ["wave", "clap", "NA"]


def order(picture: Any) -> list[str]:
    """The classes of the dots, from above."""
    return [text for text in drawn.texts(picture) if text in ("NA", "clap", "wave")]


def test_few_classes_are_a_matrix_of_videos(made: dict[str, Chart]) -> None:
    chart, planted = made["confusion"], confusion_table()
    own = chart.table.loc[chart.table["model"] == "I3D"].reset_index(drop=True)
    assert own["videos"].equals(planted["videos"])
    assert list(own["predicted"]) == ["NA", "wave", "clap", "NA", confusion.NO_SCORE, "wave"]
    low, high = wilson(6, 16)
    assert (own["low"][1], own["high"][1]) == (100 * low, 100 * high)
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "cells")) == 6
    assert drawn.texts(picture, "numbers") == ["10", "6", "14", "2", "1", "15"]


def test_many_classes_are_a_list_of_the_commonest_mistakes() -> None:
    names = [f"class {number:02d}" for number in range(40)]
    rows = [(name, name, 9) for name in names]
    rows += [(name, names[0], 1 + place) for place, name in enumerate(names) if place]
    table = pd.DataFrame(rows, columns=["label", "predicted", "videos"])
    chart = charts(planted(confusion={"i3d": table}))["confusion"]
    assert len(chart.table) == confusion.PAIRS
    assert max(chart.table["videos"]) == chart.table.loc[0, "videos"] == 40
    drawn.assert_is_sound(chart)
    assert len(drawn.marks(drawn.svg(chart), "bars")) == confusion.PAIRS


def test_bins_of_confidence_that_have_videos_are_drawn(made: dict[str, Chart]) -> None:
    chart = made["calibration"]
    own = chart.table.loc[chart.table["model"] == "I3D"]
    filled = calibration_table().loc[lambda table: table["n"] > 0]
    assert list(own["top1"]) == list(filled["accuracy"])
    assert list(own["videos"]) == list(filled["n"])
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "dots")) == 2
    # the fuller bin is of one source
    assert len(drawn.marks(picture, "intervals")) == 1


def test_training_curves_have_a_line_per_model_and_the_chosen_measure(
    made: dict[str, Chart],
) -> None:
    chart = made["curves"]
    assert list(chart.table["loss"]) == [2.0, 1.0, 0.5] * 2
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "dots")) == 6
    assert "value: 40" in drawn.labels(drawn.svg(chart, measure="top1"), "dots")[1]


def test_kept_out_videos_are_a_line_of_their_own() -> None:
    kept = curve().assign(validation_loss=[2.5, 1.5, 1.0], validation_top1=[5.0, 30.0, 50.0])
    chart = charts(planted(curves={"i3d": kept}))["curves"]
    own = chart.table.loc[chart.table["part"] == "validation"]
    assert list(own["top1"]) == [5.0, 30.0, 50.0]
    assert len(drawn.marks(drawn.svg(chart), "dots")) == 6
    # a learning rate is of training alone
    assert len(drawn.marks(drawn.svg(chart, measure="lr"), "dots")) == 3


def test_verdicts_are_counted_by_split(made: dict[str, Chart]) -> None:
    table = made["decode"].table
    rows = list(table.loc[:, ["verdict", "split", "videos", "total"]].itertuples(index=False))
    assert rows == [("ok", "test", 1, 3), ("refused", "test", 1, 3), ("short", "test", 1, 3)]
    assert drawn.texts(drawn.svg(made["decode"]), "numbers") == ["test 1"] * 3


def test_frames_of_clips_are_three_dots_per_model(made: dict[str, Chart]) -> None:
    chart = made["sampling"]
    assert list(chart.table["distinct"]) == [7.5, 7.5]
    said = drawn.labels(drawn.svg(chart), "dots")
    assert len(said) == 6
    assert "93.75" in said[0]


def test_names_stay_text() -> None:
    evil = drawn.EVIL
    table = classes_table().assign(**{"class": [evil, "clap", "wave"]})
    pairs = confusion_table().replace({"NA": evil})
    found = planted(
        models=(evil,),
        accuracy={evil: accuracy() | {"sampling": sampling()}},
        classes={evil: table},
        confusion={evil: pairs},
        calibration={evil: calibration_table()},
        curves={evil: curve()},
    )
    for name, chart in charts(found).items():
        picture = drawn.svg(chart)
        assert not [e for e in picture.iter() if e.tag.endswith(("img", "image", "script"))]
        if name in ("table1", "classes", "confusion", "curves", "sampling"):
            assert any(evil in text for text in drawn.texts(picture)), name
