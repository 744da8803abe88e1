"""What the figure of training draws of tables made by hand, and the looks of models."""

import numpy as np

from signal_perception.report.figures.training_figure import curves_figure
from signal_perception.report.results import naming, palette
from tests.support.results import curve


def test_models_without_a_look_of_their_own_get_different_ones() -> None:
    looks = palette.of_models(["mine", "swin", "yours"])
    assert len(set(looks.values())) == 3
    assert looks["swin"] == palette.of_models(["swin"])["swin"]
    assert naming.model("mine") == "mine"


def test_curves_are_drawn_by_epoch() -> None:
    figure = curves_figure({"swin": curve(), "i3d": curve(epochs=1)}, dpi=50)
    line, point = figure.axes[1].lines
    assert list(np.asarray(line.get_xdata())) == [1, 2, 3]
    assert list(np.asarray(line.get_ydata())) == [10, 40, 70]
    # a single epoch is no line
    assert point.get_marker() == "X"


def test_a_validation_split_is_dashed() -> None:
    checked = curve().assign(validation_loss=[2.5, 2.0, 1.8], validation_top1=[5.0, 20.0, 30.0])
    empty = curve().assign(validation_loss=np.nan, validation_top1=np.nan)
    figure = curves_figure({"swin": checked, "i3d": curve(), "videomae_v1": empty}, dpi=50)
    assert [len(axis.lines) for axis in figure.axes] == [4, 4, 3]
    dashed = figure.axes[1].lines[3]
    assert (dashed.get_linestyle(), dashed.get_color()) == (
        "--",
        palette.of_models(["swin"])["swin"][0],
    )
    assert list(np.asarray(dashed.get_ydata())) == [5, 20, 30]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == "validation"
    plain = curves_figure({"i3d": curve(), "videomae_v1": empty}, dpi=50)
    assert "validation" not in [text.get_text() for text in plain.legends[0].get_texts()]


def test_what_was_not_measured_is_not_drawn() -> None:
    figure = curves_figure({"swin": curve(), "i3d": curve().assign(top1=np.nan)}, dpi=50)
    assert [len(axis.lines) for axis in figure.axes] == [2, 1, 2]
    assert figure.axes[1].lines[0].get_color() == palette.of_models(["swin"])["swin"][0]
