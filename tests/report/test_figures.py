"""What the figures draw of tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from signal_perception.report import poster, style
from signal_perception.report.noise_figures import noise_figure, panel_title
from signal_perception.report.spectral_figures import controls_figure, figure1
from signal_perception.report.training_figure import curves_figure
from tests.support.results import curve, noise_table, spectra_table


def test_figure_1_draws_each_model_in_its_colour_and_the_poster_dotted() -> None:
    tables = [spectra_table(model, "hmdb51") for model in ("i3d", "swin")]
    table = pd.concat([*tables, spectra_table("uniformer_v1", "ucf101")])
    reference = poster.figure1("hmdb51")
    figure = figure1(
        table, "hmdb51", point="poster", statistic="log_mean", reference=reference, dpi=50
    )
    looks = style.looks(["i3d", "swin"])
    for axis in figure.axes:
        solid = {to_hex(line.get_color()): line for line in axis.lines if _is(line, "-")}
        dotted = [line for line in axis.lines if _is(line, ":")]
        assert solid.keys() == {looks["i3d"][0], looks["swin"][0]}
        assert {to_hex(line.get_color()) for line in dotted} == solid.keys()
        assert np.asarray(solid[looks["i3d"][0]].get_ydata())[0] == pytest.approx(-1.31)
    labels = [label.get_text() for label in figure.legends[0].get_texts()]
    assert labels == ["I3D", "Swin", "poster, digitised ±0.03"]


def _is(line, linestyle: str) -> bool:
    return line.get_linestyle() == linestyle


def test_controls_that_lie_far_below_are_named_and_not_drawn() -> None:
    table = pd.concat([spectra_table("i3d"), spectra_table("swin")])
    figure = controls_figure(table, "shapes", point="poster", statistic="log_mean", dpi=50)
    assert [axis.get_title() for axis in figure.axes] == ["I3D", "Swin"]
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.texts] == ["static: −9.4 to −9.3, below the axis"]
    # the clip, its pixels, shuffled frames, their pixels
    heights = [round(float(np.asarray(line.get_ydata())[0]), 2) for line in axis.lines]
    assert heights == [-1.31, -2.7, -0.81, -2.2]
    assert axis.get_ylim()[0] > -4


def test_models_without_a_look_of_their_own_get_different_ones() -> None:
    looks = style.looks(["mine", "swin", "yours"])
    assert len(set(looks.values())) == 3
    assert looks["swin"] == style.looks(["swin"])["swin"]
    assert style.name("mine") == "mine"


def _axes(table: pd.DataFrame) -> list[Axes]:
    grid = table["grid"].iloc[0]
    figure = noise_figure(table, "timesformer_divided", grid, dpi=50)
    return [axis for part in figure.subfigs for axis in part.axes]


def test_a_noise_figure_has_surfaces_and_the_numbers_of_every_cell() -> None:
    axes = _axes(noise_table())
    surfaces, numbers = axes[:2], axes[2:]
    assert [axis.name for axis in axes] == ["3d"] * 2 + ["rectilinear"] * 4
    assert [axis.get_title() for axis in surfaces] == ["$W_Q$", "$W_V$"]
    # top-1, top-5 and the clean plane of each
    assert all(len(axis.collections) == 4 for axis in surfaces)
    cells = [t.get_text() for t in numbers[0].texts]
    assert cells == [
        *("78.5\n76–80", "66.5\n64–68", "54.5\n52–56"),
        *("79.5\n78–82", "75.5\n74–78", "71.5\n70–74"),
    ]
    assert "clean 95.0, chance 62.5" in numbers[2].get_title()


def test_a_grid_over_rho_has_rho_on_its_axis_and_a_single_row_has_no_surface() -> None:
    grid = ("timesformer_divided", "figure4")
    over_rho = _axes(noise_table(*grid, panels=["front"], sigmas=[0.2], rhos=[0.25, 1.0]))
    assert [axis.get_ylabel() for axis in over_rho] == ["ρ"] * 3
    assert over_rho[0].get_title() == "front third"
    single = _axes(noise_table(*grid, panels=["conv"], sigmas=[0.2]))
    assert [axis.name for axis in single] == ["rectilinear"] * 2
    both = _axes(noise_table(*grid, panels=["rear"], rhos=[0.25, 1.0]))
    assert [axis.get_title() for axis in both[:2]] == ["rear third, ρ = 0.25", "rear third, ρ = 1"]


def test_panels_are_named_for_readers() -> None:
    names = [panel_title(panel) for panel in ("q", "temporal_attn.k", "middle", "conv")]
    assert names == ["$W_Q$", "$W_K$", "middle third", "conv"]


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
