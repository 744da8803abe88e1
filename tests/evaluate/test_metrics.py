"""What is said of predictions, by number and in words, against cases worked out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import predictions
from signal_perception.evaluate.breakdown import breakdown
from signal_perception.evaluate.judged import Judged, judged
from signal_perception.evaluate.metrics import metrics, said
from signal_perception.statistics.accuracy import ranking
from tests.support import evaluated
from tests.support.clips import make_store
from tests.support.results import accuracy
from tests.support.tiny_model import write_weights

# Of the videos 0 … 4, whose classes are a, b, c, a, b: right, tied with another, broken, all tied,
# right and sure.
SCORES = np.array(
    [[0, -1, -2], [-3, -3, -4], [0, np.nan, 0], [-1, -1, -1], [-9, 0, -9]], np.float32
)
LABEL = "evaluate shapes swin"


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return make_store(tmp_path / "test.zarr", range(5))


@pytest.fixture
def table(store: ClipStore, tmp_path: Path) -> pd.DataFrame:
    """Predictions of SCORES, in the order of the store; a control scores the same backwards."""
    order = [int(name[:2]) for name in store.ids]
    logits = SCORES[order][:, None]
    made = {"clip": logits, "static": logits[:, :, ::-1]}
    table, _ = evaluated.write(tmp_path, store, evaluated.settings(), made)
    return table


@pytest.fixture
def clips(table: pd.DataFrame) -> Judged:
    """Of the videos 0 … 4 in this order, each from a source of its own."""
    ordered = table.sort_values("video")
    return judged(ordered.assign(group=ordered["video"]), seed=0)


def found(table: pd.DataFrame, own: Judged, folder: Path, **views: Any) -> dict[str, Any]:
    settings = evaluated.settings(**views)
    weights = write_weights(folder / "weights.safetensors")
    names = {"dataset": "d", "model": "m"}
    return metrics(table, own, settings, **names, weights=weights, listed=7)


def test_ties_and_broken_scores_stand_in_the_table_and_the_accuracy(
    table: pd.DataFrame, clips: Judged, tmp_path: Path
) -> None:
    assert clips.table["rank"].tolist() == [0, 0.5, 3, 1, 0]
    assert clips.table["tied"].tolist() == [0, 1, 0, 2, 0]
    assert clips.table["predicted"].tolist() == ["a", "a", "", "a", "b"]
    row = found(table, clips, tmp_path)
    assert row["top1"] == pytest.approx(100 * (1 + 0.5 + 0 + 1 / 3 + 1) / 5)
    assert row["correct1"] == pytest.approx(2 + 5 / 6)
    assert (row["tied"], row["not_finite"], row["correct5"]) == (2, 1, 4)
    assert (row["total"], row["n_listed"], row["dropped"]) == (5, 7, 2)
    assert row["controls"]["static"]["not_finite"] == 1
    # what is read back gives the same accuracy
    read = predictions.read(tmp_path / "predictions.parquet")
    labels = np.array(["abc".index(label) for label in read.labels])
    assert 100 * ranking(read.scores, labels).hits(1).mean() == pytest.approx(row["top1"])


def test_calibration_by_hand(table: pd.DataFrame, clips: Judged, tmp_path: Path) -> None:
    """Each video has a bin of its own, so the error is the mean of |confidence − hit|."""
    first = 1 / (1 + math.exp(-1) + math.exp(-2))
    second = 1 / (2 + math.exp(-1))
    last = 1 / (1 + 2 * math.exp(-9))
    # the broken one is an answer of confidence 1 which is wrong, and shares the last bin
    assert clips.confidence == pytest.approx([first, second, 1, 1 / 3, last])
    gaps = [1 - first, 0.5 - second, (1 + last) - 1, 1 / 3 - 1 / 3]
    row = found(table, clips, tmp_path)
    assert row["ece"] == pytest.approx(100 * sum(map(abs, gaps)) / 5)
    assert row["ece_low"] <= row["ece"] <= row["ece_high"]
    bins = breakdown(clips)["calibration"]
    assert bins.columns.tolist()[:6] == ["bin", "low", "high", "n", "confidence", "accuracy"]
    assert bins["bin"].tolist() == list(range(1, 16))
    assert sum(bins["n"].tolist()) == 5
    assert bins.loc[14, ["n", "accuracy"]].tolist() == [2, 50]
    assert bins["high"].tolist()[14] == 100
    assert np.isnan(bins["accuracy"].to_numpy()[bins["n"].to_numpy() == 0]).all()


def test_views_are_those_that_were_scored(
    table: pd.DataFrame, clips: Judged, tmp_path: Path
) -> None:
    row = found(table, clips, tmp_path, clips=2, crops=3)
    assert (row["clips"], row["crops"], row["views"]) == (2, 3, 6)
    assert row["sampling"]["clips"] == 2
    # the tiny model's protocol
    row = found(table, clips, tmp_path, clips="protocol", crops="protocol")
    assert (row["clips"], row["crops"], row["views"]) == (1, 1, 1)


def test_accuracy_by_class_and_who_is_taken_for_whom(clips: Judged) -> None:
    tables = breakdown(clips)
    classes = tables["classes"].set_index("class")
    assert classes["n"].to_dict() == {"a": 2, "b": 2, "c": 1}
    assert classes["correct"].tolist() == pytest.approx([1 + 1 / 3, 1.5, 0])
    assert classes["top1"].tolist() == pytest.approx([200 / 3, 75, 0])
    rows = classes[["low", "top1", "high"]].to_numpy().tolist()
    # one source says nothing of others
    assert classes["low"].isna().tolist() == [False, False, True]
    assert all(low <= top1 <= high for low, top1, high in rows[:2])
    assert classes.loc["c", "ece"] == 100
    confused = tables["confusion"].to_numpy().tolist()
    assert confused == [["a", "a", 2], ["b", "a", 1], ["b", "b", 1], ["c", "", 1]]


def test_hits_of_every_video(clips: Judged) -> None:
    found = breakdown(clips)["correct"]
    assert found.columns.tolist() == ["video", "group", "top1", "top5"]
    assert found["video"].tolist() == [f"0{n}.mp4" for n in range(5)]
    assert found["top1"].tolist() == pytest.approx([1, 0.5, 0, 1 / 3, 1])
    assert found["top5"].tolist() == [1, 1, 0, 1, 1]


def test_a_single_source_has_no_intervals_and_is_not_above_chance(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    row = found(table, judged(table, seed=0), tmp_path)
    json.dumps(row, allow_nan=False)
    assert row["low1"] is row["ece_low"] is row["ece_high"] is None
    assert row["above_chance"] is False
    _, line = said(row, LABEL)
    assert line == (
        f"{LABEL}: top-1 of 56.7 % (all test videos come from one source, so it has no interval) "
        "is not shown to be above chance (33.3 %)."
    )


def test_above_chance_is_said_only_where_it_is_not() -> None:
    good = accuracy()
    assert said(good, LABEL) == []
    poor = good | {"top1": 15.0, "low1": 10.0, "high1": 22.04, "above_chance": False}
    assert said(poor, LABEL) == [
        f"{LABEL}: top-1 of 15.0 % (95 % interval 10.0 to 22.0) is not shown to be above chance "
        "(12.5 %)."
    ]


@pytest.mark.parametrize(
    ("dropped", "were"), [(10, "10 were dropped"), (1, "1 was dropped"), (1200, "1,200 were dro")]
)
def test_dropped_videos_are_said(dropped: int, were: str) -> None:
    row = accuracy(total=1530 - dropped, correct1=100) | {"dataset": "hmdb51"}
    row |= {"n_listed": 1530, "dropped": dropped}
    (line,) = said(row, "evaluate hmdb51 swin")
    start = f"evaluate hmdb51 swin: {1530 - dropped:,} of 1,530 listed test videos were scored, "
    assert line.startswith(start + were)
    assert line.endswith("see reports/decode/hmdb51.csv.")


@pytest.mark.parametrize("right", [True, False])
def test_above_chance_needs_an_interval_above_it(right: bool, tmp_path: Path) -> None:
    """A model that is right, and one that says the same class of every video."""
    store = make_store(tmp_path / "many.zarr", range(60))
    scores = np.eye(3, dtype=np.float32)[store.labels if right else [0] * 60]
    made = {"clip": scores[:, None], "static": scores[:, None]}
    table, _ = evaluated.write(tmp_path, store, evaluated.settings(), made)
    table = table.assign(group=table["video"])
    row = found(table, judged(table, 0), tmp_path)
    assert row["above_chance"] is right
