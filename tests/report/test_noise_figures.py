"""What the figures of noise draw of tables made by hand."""

from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d.axes3d import Axes3D

from signal_perception.report.figures import heatmap_figure as heatmap_figure_module
from signal_perception.report.figures import style
from signal_perception.report.figures.heatmap_figure import heatmap_figure
from signal_perception.report.figures.kappa_figure import kappa_figure
from signal_perception.report.figures.models_figure import models_figure
from signal_perception.report.figures.noise_spectra_figure import noise_spectra_figure
from signal_perception.report.figures.retention_figure import middle_slice, retention_figure
from signal_perception.report.figures.surface_figure import has_surfaces, surface_figure
from signal_perception.report.findings import kappa
from signal_perception.report.results import noise_cells, palette
from signal_perception.report.results.noise_cells import WORST_CASE
from tests.support.noise_tables import noise_spectra_table, noise_table

MODEL = "timesformer_divided"
SMALL: dict[str, Any] = {"dpi": 50}
THIRDS = ("front", "middle", "rear")


def rows(figure: Figure) -> list[list[Axes]]:
    """The maps of each row, without the scale of colour at its end."""
    found: dict[str, list[Axes]] = {}
    for axis in figure.axes:
        found.setdefault(str(axis.get_label()), []).append(axis)
    found.pop("scale")
    return list(found.values())


def texts(table: pd.DataFrame, score: str = "top1", panel: int = 0, videos: int = 128) -> list[str]:
    """What stands in the cells of a panel, the highest row first."""
    told = heatmap_figure_module.texts(noise_cells.facets(table)[panel], score, videos)
    return [str(text) for text in told.iloc[::-1].to_numpy().ravel()]


def written(figure: Figure) -> int:
    """Letters that are drawn as outlines."""
    return sum(len(np.asarray(each.get_offsets())) for each in figure.findobj(PathCollection))


def told(figure: Figure) -> list[str]:
    """The texts beside the axes: heading and titles of rows."""
    return [text.get_text() for text in figure.texts]


def mesh(axis: Axes) -> QuadMesh:
    (found,) = [each for each in axis.collections if isinstance(each, QuadMesh)]
    return found


def ys(line: Line2D) -> list[float]:
    return [float(y) for y in np.asarray(line.get_ydata(), np.float64)]


def xs(line: Line2D) -> list[float]:
    return [float(x) for x in np.asarray(line.get_xdata(), np.float64)]


def _map(table: pd.DataFrame, videos: int = 128) -> Figure:
    return heatmap_figure(table, MODEL, str(table["grid"].iloc[0]), videos=videos, **SMALL)


def test_a_map_has_the_value_and_interval_of_every_cell_for_both_scores() -> None:
    table = noise_table()
    figure = _map(table)
    assert told(figure) == [
        "TimeSformer (divided), shapes: noise by component, σ × γ",
        "top-1, %  (clean 80.0, chance 12.5)",
        "top-5, %  (clean 95.0, chance 62.5)",
    ]
    top1, _ = rows(figure)
    assert [axis.get_title() for axis in top1] == ["$W_Q$, 1/2 layers", "$W_V$, 1/2 layers"]
    # σ = 0.3 above σ = 0.1, γ to the right; bounds of 76.5 and 80.5 are rounded outwards
    assert texts(table) == [
        *("78.5\n76–81", "66.5\n64–69", "54.5\n52–57"),
        *("79.5\n77–82", "75.5\n73–78", "71.5\n69–74"),
    ]
    assert texts(table, "top5", 1)[0] == "92.5\n90–95"
    letters = [
        letter
        for score in ("top1", "top5")
        for panel in (0, 1)
        for text in texts(table, score, panel)
        for letter in text.replace("\n", "")
    ]
    assert written(figure) == len(letters)


def test_only_the_posters_own_figure_has_its_number() -> None:
    table = noise_table().assign(dataset="hmdb51")
    own, other = (heatmap_figure(table, m, "figure2", videos=128, **SMALL) for m in (MODEL, "swin"))
    assert told(own)[0] == "Figure 2. TimeSformer (divided), HMDB51: noise by component, σ × γ"
    assert told(other)[0] == "Swin, HMDB51: noise by component, σ × γ"


def test_the_worst_case_has_two_rows_of_its_own_under_one_scale_of_colour() -> None:
    figure = _map(noise_table(kinds=("weights", WORST_CASE)))
    assert [title.partition(", %")[0] for title in told(figure)[1:]] == [
        *("top-1", "top-5"),
        *("worst case, top-1", "worst case, top-5"),
    ]
    top1, _, worst, _ = rows(figure)
    scales = {(mesh(axis).norm.vmin, mesh(axis).norm.vmax) for axis in (*top1, *worst)}
    assert scales == {(12.5, 80.0)}


def test_colours_run_from_chance_to_clean_whatever_cells_have() -> None:
    table = noise_table()
    table.loc[0, "top1_mean"], table.loc[1, "top1_mean"] = 85.0, 3.0
    norm = mesh(rows(_map(table))[0][0]).norm
    assert (norm.vmin, norm.vmax) == (12.5, 80.0)
    bar = next(axis for axis in _map(table).axes if axis.get_label() == "scale")
    assert [label.get_text() for label in bar.get_yticklabels()] == ["chance", "clean"]
    assert list(bar.get_yticks()) == [12.5, 80.0]


@pytest.mark.parametrize(("top1", "clean", "chance"), [(100, 100, 100), (12.5, 12.5, 12.5)])
def test_what_is_as_good_as_clean_is_never_painted_as_broken(
    top1: float, clean: float, chance: float
) -> None:
    table = noise_table().assign(top1_mean=top1, clean_top1=clean, chance_top1=chance)
    norm = mesh(rows(_map(table))[0][0]).norm
    assert float(np.asarray(norm(np.array([top1])))[0]) == 1


def test_a_cell_without_a_value_has_no_colour_and_no_number() -> None:
    table = noise_table()
    table.loc[0, ["top1_mean", "top1_low", "top1_high"]] = np.nan
    top1 = rows(_map(table))[0][0]
    assert np.ma.getmaskarray(np.ma.asarray(mesh(top1).get_array())).ravel().tolist() == [
        True
    ] + 5 * [False]
    assert texts(table)[3] == ""
    assert matplotlib.colors.to_hex(top1.get_facecolor()) == heatmap_figure_module.EMPTY


def test_a_cell_on_fewer_videos_is_marked_and_one_without_interval_has_its_mean_alone() -> None:
    table = noise_table()
    table.loc[3, "n_videos"] = 96
    table.loc[4, ["top1_low", "top1_high"]] = np.nan
    assert texts(table)[:3] == ["78.5*\n76–81", "66.5", "54.5\n52–57"]


def test_layers_stand_at_the_axis_of_rho_and_equal_cells_are_drawn_once() -> None:
    table = noise_table(grid="figure4", panels=THIRDS, sigmas=[0.2], rhos=[0.25, 0.5, 1.0], size=2)
    front = rows(_map(table))[0][0]
    assert (front.get_title(), front.get_ylabel()) == ("front third", "ρ, layers")
    assert [label.get_text() for label in front.get_yticklabels()] == ["0.25, 0.5\n1/2", "1\n2/2"]
    assert len(texts(table)) == 6


def test_a_surface_for_each_score_has_the_clean_plane_and_heights_from_0_to_100() -> None:
    axes = surface_figure(
        noise_table(kinds=("weights", WORST_CASE)), MODEL, "figure2", **SMALL
    ).axes
    assert [axis.get_title() for axis in axes] == [
        f"{panel}, 1/2 layers: {score}, %"
        for score in ("top-1", "top-5")
        for panel in ("$W_Q$", "$W_V$")
    ]
    for axis in axes:
        assert isinstance(axis, Axes3D)
        assert axis.get_zlim() == (0, 100)
        # under noise, clean
        assert len(axis.collections) == 2


def test_a_grid_with_one_value_on_an_axis_has_no_surfaces() -> None:
    assert has_surfaces(noise_table())
    assert not has_surfaces(noise_table(sigmas=[0.2]))
    # both ρ disturb one layer of two
    assert not has_surfaces(noise_table(grid="figure4", sigmas=[0.2], rhos=[0.25, 0.5]))


def test_accuracy_against_kappa_has_every_cell_once_in_the_look_of_its_panel() -> None:
    thirds = noise_table(grid="figure3", panels=THIRDS)
    again = noise_table(grid="figure4", panels=THIRDS, sigmas=[0.3])
    tables = {MODEL: pd.concat([thirds, again]), "swin": noise_table("swin")}
    figure = kappa_figure(kappa.curves(tables), **SMALL)
    divided, swin = figure.axes
    assert [axis.get_title() for axis in figure.axes] == ["TimeSformer (divided)", "Swin"]
    assert {axis.get_xscale() for axis in figure.axes} == {"log"}
    clean, chance, fit, *panels = divided.lines
    assert (ys(clean), ys(chance)) == ([80, 80], [12.5, 12.5])
    assert len(xs(fit)) == 18
    assert (np.diff(ys(fit)) <= 1e-9).all()
    assert [len(xs(line)) for line in panels] == [6, 6, 6]
    looks = palette.of_panels(["$W_Q$", "$W_V$"])
    assert [(line.get_color(), line.get_marker()) for line in swin.lines[3:]] == [*looks.values()]


def test_panels_of_ones_own_have_looks_that_differ() -> None:
    looks = palette.of_panels(["mlp", "$W_Q$", "conv"])
    assert len(set(looks.values())) == 3
    assert palette.order(["mlp", "rear third", "$W_Q$"]) == ["$W_Q$", "rear third", "mlp"]


def test_retention_by_third_runs_along_the_middle_of_the_grid_from_the_clean_model() -> None:
    table = noise_table(grid="figure3", panels=THIRDS, sigmas=(0.01, 0.1, 0.3))
    cut = middle_slice({"swin": noise_table("swin"), MODEL: table})
    assert cut is not None
    assert (cut.grid, cut.axis, cut.fixed) == ("figure3", "sigma", "γ = 0.45, ρ = 0.5")
    (axis,) = retention_figure(cut, **SMALL).axes
    zero, front, _, rear = axis.lines
    assert ys(zero) == [0, 0]
    assert xs(front) == [0, 0.01, 0.1, 0.3]
    lost = np.array([0, 0.45, 4.5, 13.5])
    assert ys(front) == pytest.approx(1 - lost / 67.5)
    assert ys(rear)[1:] == pytest.approx(1 - (lost[1:] + 2) / 67.5)
    bands = [each for each in axis.collections if isinstance(each, PolyCollection)]
    assert len(bands) == 3
    heights = np.asarray(bands[0].get_paths()[0].vertices)[:, 1]
    assert (heights.max(), heights.min()) == pytest.approx((1.0933, 0.7), abs=1e-3)
    assert axis.get_xscale() == "symlog"


def test_retention_is_along_gamma_where_sigma_is_one_and_needs_a_grid_of_thirds() -> None:
    cut = middle_slice({MODEL: noise_table(grid="figure4", panels=THIRDS, sigmas=[0.2])})
    assert cut is not None
    assert (cut.axis, cut.fixed) == ("gamma", "σ = 0.2, ρ = 0.5")
    assert middle_slice({MODEL: noise_table()}) is None
    assert middle_slice({}) is None


def test_models_stand_side_by_side_with_grey_where_a_panel_is_missing() -> None:
    thirds = noise_table("i3d", grid="figure3", panels=THIRDS)
    tables = {
        MODEL: noise_table(kinds=("weights", WORST_CASE)),
        "i3d": pd.concat([noise_table("i3d", panels=["conv"]), thirds]),
    }
    figure2, figure3, bar = models_figure(tables, **SMALL).axes
    assert bar.get_ylabel() == "retention"
    labels = [label.get_text() for label in figure2.get_xticklabels()]
    assert labels == ["$W_Q$", "$W_V$", "conv"]
    names = [label.get_text() for label in figure2.get_yticklabels()]
    assert names == ["TimeSformer (divided)", "I3D"]
    drawn = np.ma.asarray(mesh(figure2).get_array()).reshape(2, 3)
    assert np.ma.getmaskarray(drawn).tolist() == [[False, False, True], [True, True, False]]
    # 100 σγ over both σ and all γ is 9 on average; the worst case is no part of it
    assert drawn[0].compressed() == pytest.approx([58.5 / 67.5, 57.5 / 67.5])
    # κ = 10σ√(γ/2), σ 0.2 on average
    assert figure2.texts[0].get_text() == f"0.87\nκ {2 * np.sqrt([0.025, 0.225, 0.425]).mean():.2g}"
    assert [label.get_text() for label in figure3.get_xticklabels()] == ["front", "middle", "rear"]


def test_a_model_at_chance_has_no_retention_and_no_colour() -> None:
    """The clean model is no better than a guess, so there is nothing to retain."""
    nothing = dict.fromkeys(("retention", "retention_low", "retention_high"), np.nan)
    table = noise_table().assign(**nothing)
    only, bar = models_figure({MODEL: table}, **SMALL).axes
    assert bar.get_ylim() == (0, 1)
    assert not [text.get_text() for text in only.texts]


def test_what_noise_does_to_the_spectrum_is_filled_where_it_is_significant() -> None:
    tables = {MODEL: noise_spectra_table(reached=1), "swin": noise_spectra_table("swin", "figure3")}
    (axis,) = noise_spectra_figure(tables, "figure2", **SMALL).axes
    assert axis.get_title() == "TimeSformer (divided)"
    q, sure_q, unsure_q, v, sure_v, unsure_v = axis.lines[1:]
    assert (ys(q), ys(v)) == ([0, 0.05, 0.05, 0.05], [0, 0.4, 0.4, 0.4])
    assert [len(xs(line)) for line in (sure_q, unsure_q, sure_v, unsure_v)] == [0, 4, 3, 1]
    assert xs(v) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    low, high = axis.get_ylim()
    assert low < -0.1 and high > 0.5


def test_lines_of_noise_break_where_the_tokens_change() -> None:
    table = noise_spectra_table("i3d", changes={"conv": 0.2}, tokens=(8, 8, 4, 2))
    (axis,) = noise_spectra_figure({"i3d": table}, "figure2", **SMALL).axes
    assert list(np.flatnonzero(np.isnan(ys(axis.lines[1])))) == [2, 4, 5]


def test_the_same_figure_gives_the_same_bytes_in_few_colours() -> None:
    def draw() -> list[bytes]:
        return [
            style.png(_map(noise_table())),
            style.png(surface_figure(noise_table(), MODEL, "figure2", **SMALL)),
            style.png(models_figure({MODEL: noise_table()}, **SMALL)),
        ]

    drawn = draw()
    assert drawn == draw()
    # the colour type of a PNG's header: a palette
    assert {png[25] for png in drawn} == {3}
