"""One curve of κ: how it is fitted, and when it is said to be one."""

import numpy as np
import pandas as pd
import pytest

from signal_perception.report.findings import kappa
from signal_perception.report.results.noise_cells import WORST_CASE
from tests.support.noise_tables import noise_table


def _cells(tops: dict[str, list[float]]) -> pd.DataFrame:
    """Panels with these top-1 at κ = 1, 2, 3, …; intervals are ± 2."""
    parts = [
        pd.DataFrame(
            {
                "panel": panel,
                "component": panel,
                "pool": "all",
                "kind": "weights",
                "layers": 1,
                "pool_layers": 2,
                "sigma": np.arange(1.0, len(values) + 1),
                "gamma": 0.5,
                "kappa": np.arange(1.0, len(values) + 1),
                "top1_mean": values,
                "top1_low": np.array(values) - 2,
                "top1_high": np.array(values) + 2,
            }
        )
        for panel, values in tops.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _curve(tops: dict[str, list[float]]) -> kappa.Curve:
    (curve,) = kappa.curves({"swin": _cells(tops)})
    return curve


def test_the_curve_falls_and_is_one_value_at_one_kappa() -> None:
    x = np.array([1.0, 2, 2, 3, 4])
    fit = kappa.decreasing(x, np.array([10.0, 8, 6, 9, 1]))
    # 7, 7 and 9 rise, so they are pooled
    assert fit == pytest.approx([10, 23 / 3, 23 / 3, 23 / 3, 1])


def test_panels_on_one_curve_are_said_to_be_on_one() -> None:
    curve = _curve({"q": [80, 60, 20], "v": [79, 61, 19]})
    assert curve.explained > 0.99
    assert curve.held == 6
    assert list(curve.residuals) == ["$W_Q$", "$W_V$"]
    assert curve.finding == (
        "Swin: one curve; κ alone explains 100 % of the variance of 6 cells, and no panel is off "
        "by more than 5 points on average."
    )


def test_a_panel_that_lies_off_the_curve_is_named_with_its_side() -> None:
    curve = _curve({"q": [80, 78, 76], "v": [60, 30, 16]})
    assert curve.residuals == pytest.approx({"$W_Q$": 64 / 3, "$W_V$": -64 / 3})
    assert curve.held == 0
    total = np.var([80, 78, 76, 60, 30, 16]) * 6
    assert curve.explained == pytest.approx(1 - 2 * (10**2 + 24**2 + 30**2) / total)
    assert "Swin: no common curve" in curve.finding
    assert "W_Q is 21.3 points above, W_V is 21.3 points below it" in curve.finding


def test_scatter_without_a_side_is_no_common_curve_either() -> None:
    finding = _curve({"q": [80, 20, 80, 20], "v": [20, 80, 20, 80]}).finding
    assert "no common curve; κ alone explains 0 %" in finding
    assert finding.endswith("though no panel is off by more than 5 points.")


def test_there_is_no_answer_without_a_question() -> None:
    assert (
        "no answer; all cells lie within 2.0 points"
        in _curve({"q": [80, 78], "v": [79, 79]}).finding
    )
    assert "no answer; there is one panel alone" in _curve({"conv": [80, 20]}).finding
    level = _curve({"q": [80, 80], "v": [80, 80]})
    assert np.isnan(level.explained)


def test_clean_cells_the_worst_case_and_activations_are_no_part_of_it() -> None:
    table = noise_table(kinds=("weights", WORST_CASE))
    clean = noise_table(sigmas=[0.0])
    other = noise_table(sigmas=[0.2]).assign(kind="activations", kappa=np.nan)
    (curve,) = kappa.curves({"swin": pd.concat([table, clean, other])})
    assert len(curve.cells) == 2 * 2 * 3
    assert kappa.curves({"swin": other}) == []
