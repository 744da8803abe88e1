"""Confusion and calibration: their rows and what their figures draw."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from signal_perception.report.figures.calibration_figure import calibration_figure
from signal_perception.report.figures.confusion_figure import confusion_figure
from signal_perception.report.findings import confusion
from signal_perception.statistics.proportions import wilson
from tests.support.accuracy_tables import calibration_table, classes_table, confusion_table

CLASSES = ["NA", "clap", "wave"]


def test_the_matrix_has_every_class_and_a_column_of_videos_without_a_score() -> None:
    table = confusion_table()
    assert confusion.class_names([table]) == CLASSES
    counts = confusion.matrix(table, CLASSES)
    assert list(counts.columns) == [*CLASSES, confusion.NO_SCORE]
    assert counts.to_numpy().tolist() == [[10, 0, 6, 0], [2, 14, 0, 0], [0, 0, 15, 1]]
    scored = confusion.matrix(table.loc[table["predicted"] != ""], [*CLASSES, "zoom"])
    assert list(scored.columns) == [*CLASSES, "zoom"]
    # a class that is nowhere predicted, or has no video
    assert scored.loc["zoom"].sum() == scored["zoom"].sum() == 0


def test_the_pairs_confused_most_come_first_with_their_interval() -> None:
    first, second, third = confusion.most_confused(confusion_table())
    assert (first.label, first.predicted, first.videos, first.total) == ("NA", "wave", 6, 16)
    low, high = wilson(6, 16)
    assert (first.percent, first.low, first.high) == pytest.approx((37.5, 100 * low, 100 * high))
    assert (second.label, second.predicted, third.predicted) == ("clap", "NA", "no score")
    many = pd.DataFrame({"label": "a", "predicted": [f"c{n}" for n in range(50)], "videos": 1})
    assert len(confusion.most_confused(many)) == confusion.PAIRS


def test_classes_are_in_the_order_of_their_mean_over_models() -> None:
    better = classes_table().assign(top1=[100.0, 20.0, 90.0], low=10.0, high=100.0).head(2)
    rows = confusion.by_class({"i3d": classes_table(), "swin": better})
    # means of 53.75, 81.25, and of one model 93.75
    assert [row.name for row in rows] == ["clap", "NA", "wave"]
    assert rows[0].top1 == {"i3d": "88", "swin": "20 (10–100)"}
    assert (rows[2].top1, rows[2].videos) == ({"i3d": "94 (71–99)"}, 16)


def test_few_classes_have_numbers_and_many_have_colours_alone() -> None:
    figure = confusion_figure(confusion.matrix(confusion_table(), CLASSES), "i3d", dpi=50)
    axis = figure.axes[0]
    assert sorted(text.get_text() for text in axis.texts) == ["1", "10", "14", "15", "2", "6"]
    shown = np.asarray(axis.images[0].get_array())
    assert shown.sum(axis=1) == pytest.approx([100] * 3)
    names = [f"c{n:02d}" for n in range(51)]
    many = pd.DataFrame(np.eye(51, dtype=int), index=names, columns=names)
    # a class without a test video
    many.iloc[3] = 0
    axis = confusion_figure(many, "i3d", dpi=50).axes[0]
    assert not axis.texts
    assert len(axis.get_yticklabels()) == 51
    assert np.asarray(axis.images[0].get_array())[3].sum() == 0


def test_every_model_has_a_panel_with_a_point_per_bin_that_has_videos() -> None:
    tables = {model: calibration_table() for model in ("i3d", "swin", "videomae_v1", "a", "b")}
    figure = calibration_figure(tables, dpi=50)
    shown = [axis for axis in figure.axes if axis.axison]
    assert len(shown) == 5
    points = shown[0].collections[-1]
    assert isinstance(points, PathCollection)
    assert np.asarray(points.get_offsets()).tolist() == [[70, 60], [97, 100]]
    # more videos, larger
    small, large = points.get_sizes()
    assert small < large
    none = calibration_table().assign(n=0)
    assert not calibration_figure({"i3d": none}, dpi=50).axes[0].collections
