"""Which taps a panel draws, where, and with what value."""

import numpy as np
import pandas as pd
import pytest

from signal_perception.report import depth
from tests.support.results import spectra_table


def profile(
    table: pd.DataFrame, panel: str, *, point: str = "poster", statistic: str = "log_mean"
) -> pd.DataFrame:
    model = table["model"].iloc[0]
    return depth.profile(table, model, panel, point=point, statistic=statistic)


def test_a_panel_has_one_attention_tap_per_block_and_never_the_temporal_one() -> None:
    taps = profile(spectra_table("timesformer_divided"), "a")
    assert list(taps["tap"])[:4] == ["00.spatial_attn", "00.mlp", "01.spatial_attn", "01.mlp"]
    assert list(taps["x"]) == pytest.approx([i / 23 for i in range(24)])
    # after the local attention of the same block
    assert set(profile(spectra_table("uniformer_v2"), "b")["kind"]) == {"spatial_attn"}


def test_a_profile_has_the_value_of_the_representative_bin_of_each_tap() -> None:
    table = spectra_table("i3d")
    for point, k in (("poster", 3), ("nyquist", 4)):
        deltas = list(profile(table, "c", point=point, statistic="log_rms")["delta"])
        assert deltas[0] == pytest.approx(-1 - k / 10 - 0.01)
    # the last stage has T' = 2
    deltas = list(profile(table, "c", statistic="log_rms")["delta"])
    assert list(np.isnan(deltas)) == [False] * 13 + [True] * 3
    deltas = list(profile(table, "b", point="nyquist", statistic="log_rms")["delta"])
    assert not np.isnan(deltas).any()


def test_the_branch_is_drawn_only_where_there_is_no_stream() -> None:
    stream = spectra_table("swin", backbone=[(("joint_attn", "mlp"), 2, 8)])
    names = [tap if tap == "input" else f"{tap}.branch" for tap in stream["tap"]]
    branch = stream.assign(side="branch", delta=stream["delta"] - 5, tap=names)
    both = list(profile(pd.concat([stream, branch]), "a")["tap"])
    alone = list(profile(branch, "a")["tap"])
    assert not any(tap.endswith("branch") for tap in both)
    assert all(tap.endswith("branch") for tap in alone)
    assert len(both) == len(alone) == 4


def test_a_summary_reports_delta_three_ways() -> None:
    summary = depth.summaries(spectra_table("i3d"), point="poster", statistic="log_mean")[0]
    orders = np.arange(1, 14)
    assert (summary.taps, summary.missing, summary.tokens) == (16, 3, (2, 8))
    assert summary.delta == pytest.approx(np.mean(-1.3 - orders / 100))
    assert summary.corrected == pytest.approx(summary.delta + 0.5 * np.log(8))
    # ω = 0.5π is bin 2 of 8 tokens
    assert summary.matched == pytest.approx(np.mean(-1.2 - orders / 100))
    assert summary.input == pytest.approx(-1 - 0.7 - 1)
    assert summary.dead == 0.125
    assert "at least 4" in summary.reason
