"""Models against each other on the same videos, from tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from signal_perception.report.findings import pairs
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.findings.pairs import compared
from signal_perception.statistics.comparison import holm
from signal_perception.statistics.proportions import mcnemar
from tests.support.accuracy_tables import correct_table

BOOTSTRAP = Bootstrap(0, 400)


def test_a_pair_has_its_discordant_videos_their_p_and_the_difference() -> None:
    (pair,) = compared({"swin": correct_table(97), "i3d": correct_table(77)}, 1, BOOTSTRAP)
    assert (pair.first, pair.second, pair.n_videos, pair.n_clusters) == ("swin", "i3d", 128, 32)
    assert (pair.first_only, pair.second_only) == (20, 0)
    assert pair.difference == pytest.approx(100 * 20 / 128)
    assert pair.low < pair.difference < pair.high
    assert pair.p == pair.p_holm == mcnemar(20, 0)
    assert pair.better == "swin"
    (other,) = compared({"i3d": correct_table(77), "swin": correct_table(97)}, 1, BOOTSTRAP)
    assert (other.difference, other.p, other.better) == (-pair.difference, pair.p, "swin")


def test_models_that_are_right_alike_are_no_different_and_not_surely_equal() -> None:
    (pair,) = compared({"swin": correct_table(), "i3d": correct_table()}, 5, BOOTSTRAP)
    assert (pair.k, pair.difference, pair.p, pair.better) == (5, 0, 1, "")
    # 32 clusters of equal size may miss as much
    assert pair.high == -pair.low == pytest.approx(100 * (1 - 0.025 ** (1 / 32)))


def test_holm_is_over_all_pairs() -> None:
    rights = {"swin": 97, "i3d": 77, "videomae_v1": 92}
    found = compared({m: correct_table(n) for m, n in rights.items()}, 1, BOOTSTRAP)
    assert [(pair.first, pair.second) for pair in found] == [
        ("swin", "i3d"),
        ("swin", "videomae_v1"),
        ("i3d", "videomae_v1"),
    ]
    p = np.array([mcnemar(20, 0), mcnemar(5, 0), mcnemar(0, 15)])
    assert [pair.p_holm for pair in found] == pytest.approx(holm(p))
    assert [pair.better for pair in found] == ["swin", "", "videomae_v1"]
    sentence = "2 of 3 pairs of models differ at top-1; better: Swin 1, VideoMAE V1 1."
    assert pairs.finding(found) == sentence
    alike = compared({"swin": correct_table(), "i3d": correct_table()}, 1, BOOTSTRAP)
    assert pairs.finding(alike) == "0 of 1 pairs of models differ at top-1."


def test_a_tie_is_half_a_discordant_video() -> None:
    tied = correct_table(90)
    tied.loc[90:96, "top1"] = 0.5
    (pair,) = compared({"swin": correct_table(97), "i3d": tied}, 1, BOOTSTRAP)
    assert (pair.first_only, pair.second_only) == (3.5, 0)
    assert pair.p == mcnemar(3, 0)


def test_only_common_videos_are_compared_in_any_order() -> None:
    other = correct_table(77).iloc[::-1]
    (pair,) = compared({"swin": correct_table(97).head(64), "i3d": other}, 1, BOOTSTRAP)
    assert (pair.n_videos, pair.first_only) == (64, 0)
    none = correct_table(97).assign(video="x").head(1)
    assert compared({"swin": none, "i3d": other}, 1, BOOTSTRAP) == []
    assert compared({"swin": none}, 1, BOOTSTRAP) == []
    assert compared({}, 1, BOOTSTRAP) == []


def test_videos_without_a_source_are_sources_of_their_own() -> None:
    alone = {model: correct_table(n).assign(group="") for model, n in (("swin", 97), ("i3d", 77))}
    assert compared(alone, 1, BOOTSTRAP)[0].n_clusters == 128


def test_the_table_has_a_row_per_pair() -> None:
    found = compared({"swin": correct_table(97), "i3d": correct_table(77)}, 1, BOOTSTRAP)
    table = pairs.frame("shapes", found)
    assert table.loc[0, "dataset"] == "shapes"
    assert table.loc[0, ["first", "second", "first_only"]].tolist() == ["swin", "i3d", 20]
    assert isinstance(table, pd.DataFrame)
    assert len(pairs.frame("shapes", [])) == 0
