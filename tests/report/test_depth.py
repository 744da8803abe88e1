"""Which taps a panel draws, where, and with what number."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading
from tests.support.spectral_tables import depth_table, spectra_table

POSTER = Reading("poster", "log_mean")
TWO_BLOCKS: dict[str, Any] = {"backbone": [(("joint_attn", "mlp"), 2, 8)]}


def test_a_panel_has_one_attention_tap_per_block_and_never_the_temporal_one() -> None:
    taps = depth.profile(depth_table("timesformer_divided"), "a", POSTER)
    assert list(taps["tap"])[:4] == ["00.spatial_attn", "00.mlp", "01.spatial_attn", "01.mlp"]
    assert list(taps["x"]) == pytest.approx([i / 23 for i in range(24)])
    # after the local attention of the same block
    kinds = set(depth.profile(depth_table("uniformer_v2"), "b", POSTER)["kind"])
    assert kinds == {"spatial_attn"}


@pytest.mark.parametrize("point, k", [("poster", 3), ("nyquist", 4)])
def test_a_profile_has_the_value_of_each_tap_at_the_point(point: str, k: int) -> None:
    reading = Reading(point, "log_rms")
    taps = depth.profile(depth_table("i3d"), "c", reading)
    assert taps["value"].iloc[0] == pytest.approx(-1 - k / 10 - 0.01)
    assert taps["low"].iloc[0] == pytest.approx(-1 - k / 10 - 0.06)
    # the same from the table per bin
    bins = depth.at_point(spectra_table("i3d"), reading)
    assert list(bins["tap"]) == list(taps["tap"])
    np.testing.assert_allclose(bins["value"], taps["value"])


def test_a_tap_without_the_bin_keeps_its_place_and_says_why() -> None:
    # the last stage has T' = 2
    taps = depth.profile(depth_table("i3d"), "c", POSTER)
    assert list(taps["value"].isna()) == [False] * 13 + [True] * 3
    assert "at least 4 temporal tokens" in taps["reason"].iloc[-1]
    assert taps["x"].iloc[-1] == 1
    nyquist = depth.profile(depth_table("i3d"), "c", Reading("nyquist", "log_mean"))
    assert len(depth.numbers(nyquist, "value")) == 16


def test_other_numbers_of_a_tap_are_read_alike() -> None:
    table = depth_table("swin")
    clip, corrected, matched, difference = (
        depth.profile(table, "a", POSTER, **chosen)["value"].iloc[0]
        for chosen in (
            {},
            {"quantity": "corrected"},
            {"quantity": "matched"},
            {"control": depth.DIFFERENCE},
        )
    )
    assert clip == pytest.approx(-1 - 0.7 - 0.01)
    assert corrected == pytest.approx(clip + 0.5 * np.log(16))
    # ω = 0.5π is bin 4 of 16 tokens
    assert matched == pytest.approx(-1 - 0.4 - 0.01)
    assert difference == pytest.approx(2)
    energy = depth.profile(table, "a", None, quantity="hc_dc")["value"]
    assert set(energy) == {0.4}
    assert depth.of_input(table, POSTER) == pytest.approx(-1 - 0.7 - 1)


def test_the_branch_is_drawn_only_where_there_is_no_stream() -> None:
    stream = depth_table("swin", **TWO_BLOCKS)
    names = [tap if tap == "input" else f"{tap}.branch" for tap in stream["tap"]]
    branch = stream.assign(side="branch", value=stream["value"] - 5, tap=names)
    both = list(depth.profile(pd.concat([stream, branch]), "a", POSTER)["tap"])
    alone = list(depth.profile(branch, "a", POSTER)["tap"])
    assert not any(tap.endswith("branch") for tap in both)
    assert all(tap.endswith("branch") for tap in alone)
    assert len(both) == len(alone) == 4


def test_spectra_have_all_bins_of_every_tap_in_order() -> None:
    rows = depth.spectra(spectra_table("i3d"), "log_mean")
    counts = rows.groupby("x", sort=True)["bin"].agg(list)
    assert [len(bins) for bins in counts] == [5] * 10 + [3] * 3 + [2] * 3
    assert counts.iloc[0] == [0, 1, 2, 3, 4]
    assert rows["value"].iloc[4] == pytest.approx(-1 - 0.4 - 0.01)


def test_a_tap_without_bins_keeps_its_place() -> None:
    table = spectra_table("swin", **TWO_BLOCKS)
    response = depth.spectra(table, "log_mean", quantity="block_response")
    # nothing comes before the first tap
    assert list(response.drop_duplicates("tap")["bin"].isna()) == [True, False, False, False]
    assert len(depth.spectra(table, "log_mean", control="reversed")) == 0


def test_a_control_that_was_not_extracted_has_no_taps() -> None:
    table = depth_table("swin", controls=("clip", "shuffled"), **TWO_BLOCKS)
    assert depth.controls({"swin": table}) == ["shuffled"]
    assert not depth.has_static(table)
    assert len(depth.profile(table, "a", POSTER, control="static")) == 0
