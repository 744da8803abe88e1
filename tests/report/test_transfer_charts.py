"""The interactive charts of features and of other weights: planted tables, and what Vega draws."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.transfer import transfer_charts
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from tests.support import drawn
from tests.support.probe_tables import probe_table
from tests.support.results import others, results

NAMES = ["probe", "cka", "weights"]
OWN, START, GESTURES = "fine-tuned on shapes", "before fine-tuning", "fine-tuned on gestures"


def planted(**changed: Any) -> Results:
    """I3D with its own weights, with its start, worse at two taps, and with those of gestures."""
    probes = {
        "i3d": {
            "shapes": probe_table(),
            "shapes-start": probe_table(weights="shapes-start", worse=2),
            "gestures": probe_table(weights="gestures"),
        },
        "timesformer_divided": {"shapes": probe_table("timesformer_divided")},
    }
    return replace(results(), **{"probes": probes, "others": others()} | changed)


def charts(found: Results) -> dict[str, Chart]:
    settings = drawn.settings(*found.models).model_copy(update={"probe": {"folds": 3}})
    return {chart.name: chart for chart in transfer_charts(found, settings)}


@pytest.fixture(scope="module")
def made() -> dict[str, Chart]:
    return charts(planted())


def of(chart: Chart, **columns: Any) -> pd.DataFrame:
    """The rows that have these values."""
    found = chart.table
    for column, value in columns.items():
        found = found.loc[found[column] == value]
    return found


def same(found: pd.DataFrame, expected: pd.DataFrame, columns: dict[str, str]) -> bool:
    """Whether columns of both have the same numbers, to the last bit."""
    pairs = [(found[a].to_numpy(float), expected[b].to_numpy(float)) for a, b in columns.items()]
    return all(np.array_equal(*pair, equal_nan=True) for pair in pairs)


def test_what_was_not_run_has_no_chart() -> None:
    assert charts(Results("shapes", ("i3d",), None, {}, {}, {}, {}, {})) == {}
    assert list(charts(results())) == ["probe"]
    assert list(charts(planted(probes={}))) == ["weights"]


def test_probes_have_the_numbers_of_the_tables(made: dict[str, Chart]) -> None:
    chart = made["probe"]
    tables = planted().probes["i3d"]
    levels = {"value": "top1", "low": "low", "high": "high", "depth": "depth"}
    paired = {"value": "difference", "low": "difference_low", "high": "difference_high"}
    for name, weights in ((OWN, "shapes"), (START, "shapes-start"), (GESTURES, "gestures")):
        found = of(chart, model="I3D", weights=name, show="top1")
        assert same(found, tables[weights], levels)
        if name != OWN:
            found = of(chart, model="I3D", weights=name, show="difference")
            assert same(found, tables[weights], paired | {"p_holm": "p_holm"})
    assert of(chart, weights=OWN, show="difference").empty
    assert set(of(chart, weights=OWN)["n_videos"]) == {128}


def test_probes_stand_between_chance_and_the_model_itself(made: dict[str, Chart]) -> None:
    chart = made["probe"]
    assert list(of(chart, weights="chance")["value"]) == [12.5, 12.5]
    metrics = planted().accuracy["i3d"]
    itself = of(chart, weights="the fine-tuned model", model="I3D").iloc[0]
    assert list(itself[["value", "low", "high"]]) == [metrics[k] for k in ("top1", "low1", "high1")]
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "chance")) == len(drawn.marks(picture, "model_band")) == 1
    assert len(drawn.marks(picture, "the_fine_tuned_model")) == 1
    # from 0 to 100 % whatever is chosen
    assert {"0", "100"} <= set(drawn.texts(picture))


def test_probes_that_do_not_differ_are_hollow(made: dict[str, Chart]) -> None:
    marks = drawn.marks(drawn.svg(made["probe"]), "marks")
    assert len(marks) == 3 * 4
    assert len([mark for mark in marks if mark.get("fill-opacity") == "0"]) == 2 + 4
    paired = drawn.marks(drawn.svg(made["probe"], show="difference"), "marks")
    assert len(paired) == 2 * 4
    alone = drawn.svg(made["probe"], one="TimeSformer (divided)")
    assert len(drawn.marks(alone, "marks")) == 4


def test_cka_has_the_numbers_of_the_tables_and_shuffled_videos(made: dict[str, Chart]) -> None:
    chart = made["cka"]
    table = planted().probes["i3d"]["shapes-start"]
    names = {"value": "cka", "low": "cka_low", "high": "cka_high"}
    shuffled = {"cka_of_shuffled": "cka_of_shuffled"}
    assert same(of(chart, weights=START), table, names | shuffled)
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "marks")) == 2 * 4
    assert len(drawn.marks(picture, "shuffled")) == 2


def test_other_weights_have_the_paired_difference_and_the_levels(made: dict[str, Chart]) -> None:
    chart = made["weights"]
    reading = Reading("poster", "log_mean")
    tables = {START: others()["i3d"]["shapes-start"], OWN: planted().depth["i3d"]}
    for name, table in tables.items():
        for control in ("clip", "clip-own"):
            expected = depth.profile(table, "a", reading, control=control)
            found = of(chart, weights=name, show=control)
            if (name, control) == (OWN, "clip-own"):
                assert found.empty
            else:
                columns = ["value", "low", "high", "omega", "hz"]
                assert list(found["tap"]) == list(expected["tap"])
                assert same(found, expected, dict(zip(columns, columns)))


def test_other_weights_are_a_line_per_weights_and_stretch(made: dict[str, Chart]) -> None:
    # T' = 8 ten times and 4 three times have a bin
    picture = drawn.svg(made["weights"])
    assert len(drawn.marks(picture, "marks")) == 2 * 13
    assert len(drawn.marks(picture, "lines")) == 2 * 2
    levels = drawn.svg(made["weights"], show="clip")
    assert len(drawn.marks(levels, "marks")) == 3 * 13
    # levels are not tested
    assert not [m for m in drawn.marks(levels, "marks") if m.get("fill-opacity") == "0"]


def test_names_of_models_stay_text() -> None:
    known = planted()
    found = replace(
        known,
        models=(drawn.EVIL,),
        depth={drawn.EVIL: known.depth["i3d"]},
        others={drawn.EVIL: known.others["i3d"]},
        probes={drawn.EVIL: known.probes["i3d"]},
    )
    made = charts(found)
    assert list(made) == NAMES
    for chart in made.values():
        drawn.assert_is_sound(chart)
        assert set(chart.table["model"]) == {drawn.EVIL}
        assert not [part for part in drawn.svg(chart).iter() if part.tag.endswith("img")]


def test_names_of_weights_stay_text_in_the_legend() -> None:
    known = planted()
    probes = {"i3d": {"shapes": probe_table(), drawn.EVIL: probe_table(weights=drawn.EVIL)}}
    chart = charts(replace(known, probes=probes))["probe"]
    picture = drawn.svg(chart)
    assert f"fine-tuned on {drawn.EVIL}" in drawn.texts(picture)
    assert not [part for part in picture.iter() if part.tag.endswith("img")]
