"""What the figure of training draws of tables made by hand, and the looks of models."""

import numpy as np

from signal_perception.report import style
from signal_perception.report.training_figure import curves_figure
from tests.support.results import curve


def test_models_without_a_look_of_their_own_get_different_ones() -> None:
    looks = style.looks(["mine", "swin", "yours"])
    assert len(set(looks.values())) == 3
    assert looks["swin"] == style.looks(["swin"])["swin"]
    assert style.name("mine") == "mine"


def test_curves_are_drawn_by_epoch() -> None:
    figure = curves_figure({"swin": curve(), "i3d": curve(epochs=1)}, dpi=50)
    line, point = figure.axes[1].lines
    assert list(np.asarray(line.get_xdata())) == [1, 2, 3]
    assert list(np.asarray(line.get_ydata())) == [10, 40, 70]
    # a single epoch is no line
    assert point.get_marker() == "X"


def test_top_1_is_not_drawn_under_mixup() -> None:
    figure = curves_figure({"swin": curve(), "i3d": curve().assign(top1=np.nan)}, dpi=50)
    assert [len(axis.lines) for axis in figure.axes] == [2, 1, 2]
    assert figure.axes[1].lines[0].get_color() == style.looks(["swin"])["swin"][0]
