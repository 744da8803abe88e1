"""What the figures of noise and training draw of tables made by hand."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from signal_perception.report import style
from signal_perception.report.noise_figures import noise_figure, panel_title
from signal_perception.report.training_figure import curves_figure
from tests.support.results import curve, noise_table


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
