"""Table 1: numbers beside the poster's, tested where they are of the same videos, and as files."""

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from signal_perception.pipeline.errors import UserError
from signal_perception.report.findings import table1
from signal_perception.report.findings.table1 import Row
from signal_perception.report.page import table1_text
from signal_perception.report.page.sheets import markdown
from signal_perception.report.results import poster
from signal_perception.statistics.comparison import holm
from signal_perception.statistics.proportions import two_proportions
from tests.support.results import accuracy, results

HMDB51 = {"kind": "hmdb51", "split": 1}


def _scored(correct1: float, correct5: int, total: int = 1530) -> dict[str, Any]:
    right = {"correct1": correct1, "top1": 100 * correct1 / total}
    interval = {"low1": right["top1"] - 3, "high1": right["top1"] + 3}
    return accuracy(total=total) | right | interval | _top5(correct5, total)


def _top5(correct: int, total: int) -> dict[str, float]:
    top = 100 * correct / total
    return {"correct5": correct, "top5": top, "low5": top - 1, "high5": top + 1}


def _rows(
    metrics: Mapping[str, dict], source: Mapping[str, Any] = HMDB51, dataset: str = "hmdb51"
) -> list[Row]:
    return table1.table(replace(results(dataset), accuracy=metrics), source)


def test_a_model_is_held_against_the_count_that_the_posters_percentage_stands_for() -> None:
    (row,) = _rows({"i3d": _scored(1120, 1400)})
    for k, ours, theirs in ((1, 1120, 1093), (5, 1400, 1426)):
        expected = two_proportions(ours, 1530, theirs, 1530)
        found = row.against[k]
        assert found.difference == pytest.approx(100 * (ours - theirs) / 1530)
        assert (found.low, found.high) == pytest.approx((100 * expected.low, 100 * expected.high))
        # one model: nothing to correct
        assert found.p == found.p_holm == pytest.approx(expected.p)
    same = _rows({"i3d": _scored(1093, 1426)})[0].against[1]
    assert (same.difference, same.p) == (0, 1)
    assert same.low == pytest.approx(-same.high)


def test_holm_is_over_the_models_that_are_tested_for_each_k_apart() -> None:
    metrics = {
        "i3d": _scored(1150, 1400),
        "swin": _scored(1100, 1400),
        # has one video less, and the poster has no such model
        "timesformer_divided": _scored(900, 1400, 1529),
        "i3d_inception": _scored(900, 1400),
    }
    rows = _rows(metrics)
    for k in (1, 5):
        p = [row.against[k].p for row in rows[:2]]
        assert [row.against[k].p_holm for row in rows[:2]] == pytest.approx(holm(np.array(p)))
    assert rows[2].against == rows[3].against == {}


@pytest.mark.parametrize(
    ("dataset", "model", "source", "total", "reason"),
    [
        ("shapes", "i3d", {"kind": "synthetic"}, 1530, "the poster has no such data set"),
        ("hmdb51", "i3d_inception", HMDB51, 1530, "the poster has no such model"),
        ("hmdb51", "i3d", {"kind": "folder"}, 1530, "not the official split"),
        # all three splits have 1530 test videos
        ("hmdb51", "i3d", HMDB51 | {"split": 2}, 1530, "split 2, the poster has split 1"),
        ("hmdb51", "i3d", HMDB51, 1520, "1520 videos, the poster has 1530"),
    ],
)
def test_another_split_is_not_tested_and_the_reason_stands_there(
    dataset: str, model: str, source: dict, total: int, reason: str
) -> None:
    (row,) = _rows({model: _scored(1000, 1400, total)}, source, dataset)
    assert (row.against, row.untested) == ({}, reason)
    shown = table1_text.cells(row)
    assert shown.difference1 == shown.difference5 == reason


def test_the_cells_are_as_the_page_shows_them() -> None:
    (row,) = _rows({"i3d": _scored(1120, 1400) | {"clips": 10, "crops": 3}})
    shown = table1_text.cells(row)
    assert (shown.model, shown.views, shown.dropped) == ("I3D", "10 × 3", 0)
    assert (shown.top1, shown.correct) == ("73.20 (70.2–76.3)", "1120 / 1400 of 1530")
    assert (shown.poster, shown.quoted) == ("71.44 / 93.20", "74.30")
    assert shown.poster_pretraining == "Kinetics-400"
    assert shown.difference1 == "+1.8 (−1.5 to +5.0), p = 0.275"
    worse = table1_text.cells(_rows({"i3d": _scored(900, 1093)})[0])
    assert worse.difference5.endswith("p < 0.001")


def test_dropped_videos_are_those_listed_and_not_scored_and_are_marked() -> None:
    (row,) = _rows({"i3d": accuracy(dropped=2)})
    assert row.dropped == 2
    assert table1_text.cells(row).model == "I3D †"
    # as metrics were before they said how many are listed
    old = {key: value for key, value in accuracy(dropped=2).items() if key != "n_listed"}
    assert _rows({"i3d": old})[0].dropped == 2


def test_what_older_metrics_lack_is_left_out() -> None:
    lacking = {"clips", "crops", "views", "n_listed"}
    old = {key: value for key, value in accuracy().items() if key not in lacking}
    shown = table1_text.cells(_rows({"i3d": old | {"low1": None, "high1": None}})[0])
    # one cluster has no interval
    assert (shown.views, shown.top1) == ("", "75.78")


def test_an_accuracy_that_is_no_quotient_of_its_counts_is_refused() -> None:
    with pytest.raises(UserError, match=r"top-1 = 76\.50 %, but 97 of 128 videos; run its stage"):
        _rows({"i3d": accuracy() | {"top1": 76.5}})


def test_ties_make_a_count_of_right_videos_a_fraction() -> None:
    tied = accuracy() | {"correct1": 97.5, "top1": 100 * 97.5 / 128, "correct5": 120 + 1 / 3}
    tied["top5"] = 100 * tied["correct5"] / 128
    assert table1_text.cells(_rows({"i3d": tied})[0]).correct == "97.5 / 120.33 of 128"


def test_several_runs_are_shown_as_their_mean_with_the_lowest_and_the_highest() -> None:
    runs = {"runs1": [70.2, 74.0, 73.1], "runs5": [91.0, 92.0, 91.5]}
    (row,) = _rows({"i3d": _scored(1109.5, 1400) | runs})
    assert table1_text.cells(row).top1 == "72.52 (70.2 to 74.0 of 3 runs; 69.5–75.6)"
    assert table1_text.RUNS_NOTE in table1_text.notes([row])
    assert table1_text.RUNS_NOTE not in table1_text.notes(_rows({"i3d": _scored(1109, 1400)}))
    table = table1.frame([row])
    assert table.loc[0, ["lowest1", "highest1"]].tolist() == [70.2, 74.0]


def test_the_csv_has_every_number() -> None:
    rows = _rows({"i3d": _scored(1120, 1400), "i3d_inception": _scored(900, 1400)})
    text = table1.frame(rows).to_csv(index=False)
    found = pd.read_csv(io.StringIO(text)).set_index("model")
    assert found.loc["i3d", "poster_difference1"] == pytest.approx(100 * 27 / 1530)
    assert found.loc["i3d", ["correct1", "correct5", "total"]].tolist() == [1120, 1400, 1530]
    assert found.loc["i3d", "reference_top1"] == 74.3
    numbers = [name for name in found if name.startswith("poster_")]
    assert found.loc["i3d_inception", numbers].isna().all()
    assert found.loc["i3d_inception", "untested"] == "the poster has no such model"
    assert table1.frame([]).empty


def test_the_sheets_have_a_row_per_model_and_the_poster_for_its_data_sets() -> None:
    tables = {
        "hmdb51": _rows({"i3d": _scored(1120, 1400)}),
        "shapes": _rows({"swin": accuracy(dropped=1)}, {"kind": "synthetic"}, "shapes"),
        "gestures": [],
    }
    overview, hmdb51, shapes = table1_text.sheets(tables, ("i3d", "swin"))
    assert list(overview.head) == [
        "Backbone",
        "Pre-training",
        "HMDB51: top-1 / top-5, %",
        "poster",
        "reference, top-1",
        "shapes: top-1 / top-5, %",
    ]
    i3d, swin = overview.rows
    assert i3d[2:] == ["73.20 (70.2–76.3) / 91.50 (90.5–92.6)", "71.44 / 93.20", "74.30", "not run"]
    assert swin[2:5] == ["not run", "–", "–"]
    assert swin[5].endswith("†")
    assert table1_text.FEWER_NOTE in [*overview.notes]
    assert table1_text.FEWER_NOTE in [*shapes.notes]
    assert table1_text.FEWER_NOTE not in hmdb51.notes
    assert table1_text.AGAINST_NOTE in hmdb51.notes
    assert table1_text.AGAINST_NOTE not in shapes.notes
    assert "ours − poster, top-1" not in shapes.head
    assert markdown([overview]).startswith("## Table 1.")


def test_all_of_the_posters_models_can_be_held_against_it() -> None:
    for dataset, total in poster.TOTALS.items():
        ours = {
            model: _scored(printed.correct(1, total), printed.correct(5, total), total)
            for model, printed in poster.TABLE1[dataset].items()
        }
        for row in _rows(ours, {"kind": dataset, "split": 1}, dataset):
            assert [row.against[k].p_holm for k in (1, 5)] == [1, 1]
