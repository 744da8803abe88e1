"""Probes and CKA along the depth: what the rows say, and what the figures draw."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from signal_perception.report.figures.transfer_figure import cka_figure, probe_figure
from signal_perception.report.findings import transfer
from tests.support.probe_tables import probe_table
from tests.support.results import accuracy

START = "shapes-start"


def probes(worse: int = 0) -> dict[str, dict[str, pd.DataFrame]]:
    return {"i3d": {"shapes": probe_table(), START: probe_table(weights=START, worse=worse)}}


def test_a_model_without_own_weights_is_not_shown() -> None:
    alone = {"swin": {START: probe_table("swin", weights=START)}, **probes()}
    assert list(transfer.shown(alone, "shapes")) == ["i3d"]
    assert transfer.others({"i3d": {"shapes": probe_table()}}, "shapes") == {}


@pytest.mark.parametrize("worse, against", [(0, "0 / 0 / 4"), (1, "0 / 1 / 3"), (4, "0 / 4 / 0")])
def test_taps_are_counted_after_holm(worse: int, against: str) -> None:
    _, row = transfer.rows(probes(worse=worse), "shapes")
    assert row.against == against
    assert f"worse at {worse} of 4 taps" in row.finding


def test_own_weights_are_compared_with_nothing() -> None:
    own, _ = transfer.rows(probes(), "shapes")
    assert (own.against, own.cka_first, own.cka_last, own.alike) == ("–", "–", "–", "–")
    assert np.isnan(own.median)
    assert own.finding == ""


def test_what_cannot_be_told_is_said() -> None:
    table = probe_table(weights=START)
    few = table.assign(cka_low=float("nan"), cka_high=float("nan"))
    said = transfer.finding("i3d", START, "shapes", few)
    assert said.endswith("test videos are of too few sources for an interval of CKA.")
    none = few.assign(cka=float("nan"))
    assert transfer.finding("i3d", START, "shapes", none).endswith("there is no CKA.")
    unlike = table.assign(cka_of_shuffled=1.0)
    assert "at no tap are features more alike" in transfer.finding("i3d", START, "shapes", unlike)
    odd = {"i3d": {"shapes": probe_table().assign(converged=[True, False, True, True], folds=0)}}
    (row,) = transfer.rows(odd, "shapes")
    assert (row.unconverged, row.unchosen) == (1, 4)


def _heights(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), float)


def _lines(figure: Figure, color: str) -> list[np.ndarray]:
    """Heights of the lines of a colour that have as many points as there are taps."""
    (axis,) = figure.axes
    found = [_heights(line) for line in axis.lines if to_hex(line.get_color()) == color]
    return [heights for heights in found if len(heights) == 4]


def test_the_probe_figure_draws_own_and_other_weights_chance_and_the_model() -> None:
    figure = probe_figure(probes(worse=1), {"i3d": accuracy()}, "shapes", dpi=50)
    assert np.array_equal(_lines(figure, "#1a1a1a")[0], [50, 60, 70, 80])
    assert np.array_equal(_lines(figure, "#0072b2")[0], [30, 60, 70, 80])
    flat = {heights[0] for heights in map(_heights, figure.axes[0].lines) if len(heights) == 2}
    assert {12.5, accuracy()["top1"]} <= flat
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:4] == [
        "fine-tuned on shapes",
        "before fine-tuning",
        "chance",
        "the fine-tuned model",
    ]
    filled = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "#0072b2"]
    assert [len(_heights(line)) for line in filled if line.get_marker() == "o"] == [1]


def test_the_cka_figure_draws_shuffled_videos_too() -> None:
    figure = cka_figure(transfer.others(probes(), "shapes"), "shapes", dpi=50)
    cka, shuffled = _lines(figure, "#0072b2")
    assert cka == pytest.approx([0.9, 0.6, 0.3, 0.0])
    assert shuffled == pytest.approx([0.03] * 4)
