"""The numbers under Figure 1."""

import numpy as np
import pytest

from signal_perception.report.findings.summaries import summaries
from signal_perception.report.results.depth import Reading
from tests.support.spectral_tables import depth_table


def test_a_summary_reports_delta_three_ways() -> None:
    (summary,) = summaries({"i3d": depth_table("i3d")}, Reading("poster", "log_mean"))
    orders = np.arange(1, 14) / 100
    # bin 3 of 8 tokens, bin 1 of 4
    delta = -1 - np.array([0.3] * 10 + [0.1] * 3) - orders
    assert (summary.taps, summary.missing, summary.tokens) == (16, 3, (2, 4, 8))
    assert (summary.omega, summary.hz) == ((0.5, 0.75), (1.5, 2.25))
    assert summary.delta == pytest.approx(np.mean(delta))
    shift = 0.5 * np.log([8] * 10 + [4] * 3)
    assert summary.corrected == pytest.approx(np.mean(delta + shift))
    # ω = 0.5π is bin 2 of 8 tokens, bin 1 of 4
    matched = -1 - np.array([0.2] * 10 + [0.1] * 3) - orders
    assert summary.matched == pytest.approx(np.mean(matched))
    assert summary.input == pytest.approx(-1 - 0.7 - 1)
    assert summary.dead == 0.125
    assert "at least 4" in summary.reason


def test_a_model_whose_taps_all_have_a_value_needs_no_reason() -> None:
    (summary,) = summaries({"swin": depth_table("swin")}, Reading("poster", "log_rms"))
    assert (summary.missing, summary.reason) == (0, "")
