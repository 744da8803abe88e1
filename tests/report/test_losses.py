"""Models against each other: a planted difference is found, and none where there is none."""

import numpy as np
import pandas as pd
import pytest

from signal_perception.report.captions import noise_captions
from signal_perception.report.findings import losses
from signal_perception.report.findings.losses import Bootstrap
from tests.support.noise_tables import noise_table, robustness_table

BOOTSTRAP = Bootstrap(seed=0, draws=200)
LOST = {"swin": 40.0, "i3d": 30.0, "videomae_v1": 30.0}


@pytest.fixture(scope="module")
def found() -> losses.Comparison:
    tables = {m: [robustness_table(lost, ["figure2", "figure3"])] for m, lost in LOST.items()}
    cells = {m: pd.concat([noise_table(m), noise_table(m, "figure3")]) for m in LOST}
    return losses.comparison(tables, cells, BOOTSTRAP)


def test_a_model_that_loses_more_is_named_and_equal_ones_are_not(found: losses.Comparison) -> None:
    assert [(pair.grid, pair.first, pair.second) for pair in found.pairs][:3] == [
        ("figure2", "Swin", "I3D"),
        ("figure2", "Swin", "VideoMAE V1"),
        ("figure2", "I3D", "VideoMAE V1"),
    ]
    assert [pair.weaker for pair in found.pairs] == ["Swin", "Swin", ""] * 2
    assert [pair.difference for pair in found.pairs] == pytest.approx([10, 10, 0] * 2)
    assert all(pair.low <= pair.difference <= pair.high for pair in found.pairs)
    assert {(pair.n_videos, pair.n_clusters) for pair in found.pairs} == {(32, 16)}


def test_p_is_corrected_over_all_pairs_and_grids(found: losses.Comparison) -> None:
    smallest = min(pair.p for pair in found.pairs)
    # 40 resamples for each of 6 comparisons, more than were asked
    assert smallest == pytest.approx(1 / 241)
    assert min(pair.p_holm for pair in found.pairs) == pytest.approx(6 * smallest)


def test_many_comparisons_can_still_be_significant() -> None:
    tables = {f"m{n}": [robustness_table(10 * n)] for n in range(9)}
    compared = losses.comparison(tables, {m: noise_table(m) for m in tables}, BOOTSTRAP)
    assert len(compared.pairs) == 36
    assert all(pair.weaker == pair.second for pair in compared.pairs)


def test_each_models_loss_says_who_loses_more_and_less(found: losses.Comparison) -> None:
    swin, i3d, _ = found.losses[:3]
    assert (swin.model, swin.loss, swin.clean) == ("Swin", pytest.approx(40), 100)
    assert (swin.more, swin.less) == ((), ("I3D", "VideoMAE V1"))
    assert (i3d.more, i3d.less) == (("Swin",), ())
    assert swin.low < 40 < swin.high
    assert found.findings[0] == (
        "Figure 2: Swin loses most (40.0 points, 39.6–40.4) and I3D least (30.0 points, "
        "29.6–30.4); 2 of 3 pairs of models differ, these two among them."
    )


def test_videos_are_paired_by_name_and_those_that_one_model_lacks_are_left_out() -> None:
    table = robustness_table(40)
    mixed = robustness_table(30).sample(frac=1, random_state=0)
    columns = [column for column in mixed if str(column).startswith("figure2.")]
    mixed.loc[mixed["video"].isin(["0.mp4", "1.mp4"]), columns] = np.nan
    cells = {"swin": noise_table("swin"), "i3d": noise_table("i3d")}
    compared = losses.comparison({"swin": [table], "i3d": [mixed]}, cells, BOOTSTRAP)
    (pair,) = compared.pairs
    assert (pair.n_videos, pair.n_clusters, pair.difference) == (30, 15, pytest.approx(10))
    # equal give and take in both, so that every paired difference is 10
    assert (pair.low, pair.high) == pytest.approx((10, 10))
    assert [loss.n_videos for loss in compared.losses] == [32, 30]


def test_one_model_is_compared_with_none() -> None:
    alone = losses.comparison({"swin": [robustness_table()]}, {"swin": noise_table()}, BOOTSTRAP)
    assert alone.pairs == []
    assert alone.findings == [
        "Figure 2: Swin loses 30.0 points, 29.6–30.4; there is no other model."
    ]
    assert losses.comparison({}, {}, BOOTSTRAP).findings == []


def test_what_equal_sigma_means_is_said_and_so_is_an_unequal_start(
    found: losses.Comparison,
) -> None:
    relative, absolute = (
        " ".join(noise_captions.losses(found, s)) for s in ("rel_fro", "absolute")
    )
    assert "equal σ is equal relative noise" in relative
    assert "κ says how much each model was disturbed" in absolute
    assert "do not start alike" not in relative
    poor = robustness_table(30).assign(clean=60.0)
    tables = {"swin": [robustness_table(40)], "i3d": [poor]}
    unequal = losses.comparison(tables, {m: noise_table(m) for m in tables}, BOOTSTRAP)
    sentences = " ".join(noise_captions.losses(unequal, "rel_fro"))
    assert "Swin has 100.0 % without noise, I3D 60.0 %" in sentences
