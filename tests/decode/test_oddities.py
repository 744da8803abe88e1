"""What is odd about a data set is found in its table of verdicts."""

from pathlib import Path

import pandas as pd
import pytest

from signal_perception.decode import table


def _rows(*rows: tuple[str, str, object, str]) -> pd.DataFrame:
    columns = ["label", "split", "group", "verdict"]
    named = [(f"{number}.mp4", *row) for number, row in enumerate(rows)]
    return pd.DataFrame(named, columns=["id", *columns]).assign(frames_hash="")


FINE = _rows(
    ("wave", "train", "S1", "ok"),
    ("clap", "train", "S2", "ok"),
    ("wave", "test", "S3", "ok"),
    ("clap", "test", "S4", "short"),
)


def _with(*rows: tuple[str, str, object, str]) -> pd.DataFrame:
    return pd.concat([FINE, _rows(*rows)], ignore_index=True)


def test_nothing_is_odd_about_sources_in_one_split_each() -> None:
    assert table.oddities(FINE, "mine") == []
    assert table.classes(FINE) == ["clap", "wave"]


def test_a_source_in_both_splits_is_said() -> None:
    one = _with(("wave", "test", "S1", "ok"), ("clap", "test", "S1", "ok"))
    assert table.shared_groups(one) == ["S1"]
    (sentence,) = table.oddities(one, "mine")
    assert sentence.startswith("1 source of mine has videos in the training and in the test split")
    assert "(S1), 2 of 4 test videos" in sentence
    many = _with(*((label, "test", f"S{n}", "ok") for label in ("wave", "clap") for n in (1, 2)))
    assert table.oddities(many, "mine")[0].startswith("2 sources of mine have")


@pytest.mark.parametrize(
    "row",
    [
        ("wave", "test", "S1", "refused: no such file"),
        # files that no list names, and videos without a source
        ("-", "-", "S1", "unlisted"),
        ("wave", "test", None, "ok"),
    ],
)
def test_what_is_no_test_video_with_a_source_is_in_no_split(row: tuple) -> None:
    gone = _with(("wave", "train", None, "ok"), ("wave", "train", "", "ok"), row)
    assert table.oddities(gone, "mine") == []
    assert table.classes(gone) == ["clap", "wave"]


def test_subjects_that_are_numbers_are_read_back_as_the_same(tmp_path: Path) -> None:
    numbers = _rows(("a", "train", "1", "ok"), ("b", "test", "1", "ok"), ("b", "test", "2", "ok"))
    numbers.to_csv(tmp_path / "table.csv", index=False)
    found = table.read(tmp_path / "table.csv")
    assert table.oddities(found, "mine") == table.oddities(numbers, "mine")
    assert len(table.oddities(found, "mine")) == 1
    # an empty group makes the others fractions
    _with(("a", "train", "", "ok")).to_csv(tmp_path / "gap.csv", index=False)
    assert table.oddities(table.read(tmp_path / "gap.csv"), "mine") == []


def test_the_same_frames_in_both_splits_are_said() -> None:
    hashes = ["aa", "bb", "aa", "bb"]
    same = FINE.assign(frames_hash=hashes)
    assert table.same_frames(same) == [("2.mp4", "0.mp4"), ("3.mp4", "1.mp4")]
    (sentence,) = table.oddities(same, "mine")
    assert sentence.startswith("2 test videos of mine have the frames of a training video (2.mp4 =")
    one = FINE.assign(frames_hash=["aa", "aa", "cc", "aa"])
    assert "1 test video of mine has the frames" in table.oddities(one, "mine")[0]
    refused = same.assign(verdict=["refused: x", "unlisted", "ok", "ok"], frames_hash=hashes)
    assert table.same_frames(refused) == []


def test_one_class_alone_is_said() -> None:
    (sentence,) = table.oddities(FINE.assign(label="wave"), "mine")
    assert "mine has one class alone (wave)" in sentence
