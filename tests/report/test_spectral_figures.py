"""What the figures of spectra draw of models whose spectra are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex

from signal_perception.report.figures import lines, style
from signal_perception.report.figures.comparison_figure import comparison_figure, last_spectrum
from signal_perception.report.figures.controls_figure import controls_figure
from signal_perception.report.figures.discriminability_figure import (
    discriminability_figure,
    with_values,
)
from signal_perception.report.figures.figure1 import figure1
from signal_perception.report.figures.motion_figure import motion_figure
from signal_perception.report.figures.response_figure import response_figure
from signal_perception.report.figures.spatial_figures import (
    spatial_figure,
)
from signal_perception.report.figures.spectrogram_figure import spectrogram_figure
from signal_perception.report.results import depth, palette, poster
from signal_perception.report.results.depth import Reading
from tests.support.line_figures import of_style, xs, ys
from tests.support.spectral_tables import depth_table, spectra_table

POSTER = Reading("poster", "log_mean")
# I3D: taps with T' = 8, 4 and 2
CHANGES = (10, 13)


def test_lines_break_where_the_tokens_change_and_nowhere_else() -> None:
    taps = depth.profile(depth_table("i3d"), "a", Reading("nyquist", "log_mean"))
    drawn = lines.broken(taps)
    gaps = np.flatnonzero(drawn["x"].isna())
    assert list(gaps) == [CHANGES[0], CHANGES[1] + 1]
    assert len(drawn) == len(taps) + 2
    assert list(depth.numbers(drawn, "value")) == list(taps["value"])
    assert len(lines.broken(taps.assign(tokens=8))) == len(taps)


def test_a_tap_without_neighbours_has_a_bar_for_a_band() -> None:
    axis = controls_figure({"i3d": depth_table("i3d")}, POSTER, dpi=50).axes[0]
    axis.clear()
    nan = float("nan")
    taps = pd.DataFrame({"x": [0, 0.5, 1], "low": [1, nan, 1], "high": [2, nan, 3]})
    lines.band(axis, taps, "red")
    bars = axis.collections[1].get_paths()
    assert [np.asarray(bar.vertices)[:, 1].tolist() for bar in bars] == [[1, 2], [1, 3]]


def test_figure_1_draws_each_model_in_its_colour_and_the_poster_dotted(
    depths: dict[str, pd.DataFrame],
) -> None:
    figure = figure1(depths, POSTER, poster.figure1("hmdb51"), dpi=50)
    looks = palette.of_models(["i3d", "swin"])
    for axis in figure.axes:
        solid = {to_hex(line.get_color()): line for line in of_style(axis, "-")}
        assert solid.keys() == {looks["i3d"][0], looks["swin"][0]}
        assert {to_hex(line.get_color()) for line in of_style(axis, ":")} == solid.keys()
        assert ys(solid[looks["i3d"][0]])[0] == pytest.approx(-1.31)
    labels = [label.get_text() for label in figure.legends[0].get_texts()]
    assert labels == ["I3D", "Swin", "static clip", "poster, digitised ±0.03"]


def test_figure_1_has_the_static_clip_thin_behind_and_both_lines_break(
    depths: dict[str, pd.DataFrame],
) -> None:
    axis = figure1(depths, POSTER, None, dpi=50).axes[0]
    color = palette.of_models(["i3d"])["i3d"][0]
    static, clip = (line for line in axis.lines if line.get_color() == color)
    assert static.is_dashed()
    assert static.get_linewidth() < clip.get_linewidth()
    assert static.get_zorder() < clip.get_zorder()
    assert ys(static)[0] == pytest.approx(-3.31)
    for line in (static, clip):
        assert np.isnan(ys(line)[CHANGES[0]])
        assert np.isfinite(ys(line)[[CHANGES[0] - 1, CHANGES[0] + 1]]).all()
    # the axis goes by the clips: a static curve may leave it
    assert axis.get_ylim()[0] > -3.31


def test_the_axis_of_figure_1_goes_up_to_a_static_clip_above_the_clips() -> None:
    axis = figure1({"swin": depth_table("swin", static=4)}, POSTER, None, dpi=50).axes[0]
    assert axis.get_ylim()[1] > 4 - 0.7


def test_figure_1_does_without_a_static_control() -> None:
    table = depth_table("swin", controls=("clip",))
    figure = figure1({"swin": table}, POSTER, None, dpi=50)
    assert [line for line in figure.axes[0].lines if line.is_dashed() and len(ys(line))] == []
    assert [label.get_text() for label in figure.legends[0].get_texts()] == ["Swin"]


def _markers(axis: Axes) -> dict[tuple[str, str], list[float]]:
    """x of what is drawn as markers alone, by edge colour and face colour."""
    return {
        (to_hex(line.get_color()), to_hex(line.get_markerfacecolor())): [
            round(x, 6) for x, y in zip(xs(line), ys(line)) if np.isfinite(y)
        ]
        for line in of_style(axis, "None")
    }


def test_markers_are_filled_exactly_where_p_is_below_5_percent_after_holm() -> None:
    # the first 5 of 24 taps show the model's own time code
    table = depth_table("videomae_v1", own=5)
    axis = motion_figure({"videomae_v1": table}, POSTER, dpi=50).axes[0]
    found = _markers(axis)
    x = [round(i / 23, 6) for i in range(24)]
    msa, mlp = lines.KINDS["MSA"][0], lines.KINDS["MLP"][0]
    assert found[msa, "#ffffff"] == [x[i] for i in (0, 2, 4)]
    assert found[msa, msa] == x[6::2]
    assert found[mlp, "#ffffff"] == [x[i] for i in (1, 3)]
    assert found[mlp, mlp] == x[5::2]
    # the zero line, then a line per kind
    assert [line.get_color() for line in of_style(axis, "-")] == ["#333333", msa, mlp]


def test_the_difference_of_clip_and_static_is_drawn_for_models_that_have_both() -> None:
    tables = {
        "i3d": depth_table("i3d"),
        "swin": depth_table("swin", controls=("clip",)),
        "timesformer_divided": depth_table("timesformer_divided", own=1000),
    }
    axes = motion_figure(tables, POSTER, dpi=50).axes
    assert [axis.get_title() for axis in axes] == ["I3D", "TimeSformer (divided)"]
    line = of_style(axes[0], "-")[1]
    assert ys(line)[:10] == pytest.approx([2.0] * 10)
    assert np.isnan(ys(line)[CHANGES[0]])
    assert ys(of_style(axes[1], "-")[1]) == pytest.approx([-0.01] * 12)


def test_differences_far_above_are_named_and_not_drawn() -> None:
    axis = motion_figure({"i3d": depth_table("i3d", static=-9)}, POSTER, dpi=50).axes[0]
    assert [text.get_text() for text in axis.texts] == ["13 of 16 taps above the axis: 8.0 to 8.0"]
    assert axis.get_ylim() == pytest.approx((-0.31, 0.31))
    near = motion_figure({"i3d": depth_table("i3d")}, POSTER, dpi=50).axes[0]
    assert list(near.texts) == []


def test_controls_that_lie_far_below_are_named_and_not_drawn() -> None:
    tables = {"i3d": depth_table("i3d", static=-9), "swin": depth_table("swin")}
    figure = controls_figure(tables, POSTER, dpi=50)
    assert [axis.get_title() for axis in figure.axes] == ["I3D", "Swin"]
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.texts] == ["static: −9.4 to −9.2, below the axis"]
    # the clip, its pixels, shuffled frames, their pixels
    heights = [round(float(ys(line)[0]), 2) for line in axis.lines]
    assert heights == [-1.31, -2.7, -0.81, -2.2]
    assert all(np.isnan(ys(line)[CHANGES[0]]) for line in (axis.lines[0], axis.lines[2]))
    # one axis for both, which goes down to Swin's static clip and not to that of I3D
    assert axis.get_ylim() == figure.axes[1].get_ylim()
    assert -6 < axis.get_ylim()[0] < -3.5


def _meshes(axis: Axes) -> list[QuadMesh]:
    return [mesh for mesh in axis.collections if isinstance(mesh, QuadMesh)]


def test_the_spectrogram_has_cells_of_the_height_of_each_bin(
    bins: dict[str, pd.DataFrame],
) -> None:
    figure = spectrogram_figure(bins, "log_mean", dpi=50)
    # I3D and Swin's MSA share a row; below it Swin's MLP
    conv, msa, nothing, mlp = figure.axes[:4]
    assert [len(_meshes(axis)) for axis in (conv, msa, nothing, mlp)] == [3, 1, 0, 1]
    heights = [
        np.unique(np.asarray(mesh.get_coordinates())[..., 1]).tolist() for mesh in _meshes(conv)
    ]
    assert heights == [[0.125, 0.375, 0.625, 0.875, 1], [0.25, 0.75, 1], [0.5, 1]]
    # bin 1 of the first tap
    first = np.ma.asarray(_meshes(conv)[0].get_array())[0, 0]
    assert first == pytest.approx(-1 - 0.1 - 0.01 + 0.5 * np.log(8))
    scales = {
        (mesh.norm.vmin, mesh.norm.vmax) for axis in (conv, msa, mlp) for mesh in _meshes(axis)
    }
    assert len(scales) == 1


def test_kinds_have_rows_of_their_own_where_a_model_has_both() -> None:
    hybrid = [(("conv",), 2, 8), (("joint_attn", "mlp"), 2, 8)]
    figure = spectrogram_figure(
        {"mine": spectra_table("mine", backbone=hybrid)}, "log_mean", dpi=50
    )
    assert [axis.get_ylabel() for axis in figure.axes[:3]] == [
        f"{k}\nω, π" for k in depth.KINDS[:3]
    ]


def test_the_block_response_has_both_halves_named_and_gaps_where_it_is_undefined(
    bins: dict[str, pd.DataFrame],
) -> None:
    conv, attention = response_figure(bins, POSTER, dpi=50).axes
    for axis in (conv, attention):
        assert {text.get_text() for text in axis.texts} == {"high-pass", "low-pass"}
        assert axis.get_ylim()[0] < 0 < axis.get_ylim()[1]
    # zero, static, clip, markers: no D for the first tap, nor for the first after 8 → 4
    clip = conv.lines[2]
    missing = np.flatnonzero(np.isnan(ys(clip)))
    assert list(missing) == [0, CHANGES[0], CHANGES[0] + 1, *range(CHANGES[1] + 1, CHANGES[1] + 5)]
    assert conv.lines[1].is_dashed()
    solid = {line.get_color(): ys(line)[-1] for line in of_style(attention, "-")[1:]}
    assert solid[lines.KINDS["MSA"][0]] == pytest.approx(-0.1)
    assert solid[lines.KINDS["MLP"][0]] == pytest.approx(0.1)
    # D = −0.02 of I3D may be 0, D = ±0.1 of Swin may not
    conv_color, msa, mlp = (lines.KINDS[kind][0] for kind in ("Conv", "MSA", "MLP"))
    assert {where: len(x) for where, x in _markers(conv).items()} == {
        (conv_color, conv_color): 0,
        (conv_color, "#ffffff"): 11,
    }
    assert (len(_markers(attention)[msa, msa]), len(_markers(attention)[mlp, mlp])) == (23, 24)


def test_a_model_of_branches_has_no_panel_of_block_response(
    bins: dict[str, pd.DataFrame],
) -> None:
    tables = {**bins, "videomae_v1": spectra_table("videomae_v1", side="branch")}
    titles = [axis.get_title() for axis in response_figure(tables, POSTER, dpi=50).axes]
    assert titles == ["I3D", "Swin"]


def test_models_are_compared_in_four_ways(
    depths: dict[str, pd.DataFrame], bins: dict[str, pd.DataFrame]
) -> None:
    figure = comparison_figure(depths, bins, POSTER, dpi=50)
    firsts = [ys(axis.lines[1])[0] for axis in figure.axes[:3]]
    delta = -1 - 0.7 - 0.01
    assert firsts == pytest.approx([delta, delta + 0.5 * np.log(16), -1 - 0.4 - 0.01])
    assert all(np.isnan(ys(axis.lines[0])[CHANGES[0]]) for axis in figure.axes[:3])
    hertz = figure.axes[3]
    assert hertz.get_xscale() == "log"
    # T' = 2 has one bin and none of the poster's, T' = 16 has both
    assert [len(xs(line)) for line in hertz.lines] == [1, 0, 8, 1]
    assert xs(hertz.lines[3])[0] == pytest.approx(7 * 6 / 16)
    last = last_spectrum(bins["swin"], "log_mean")
    assert set(last["tap"]) == {"23.mlp"}
    assert last["value"].iloc[0] == pytest.approx(-1 - 0.1 - 0.48 + 0.5 * np.log(16))


def test_discriminability_has_1_in_the_middle_of_the_scale(
    bins: dict[str, pd.DataFrame],
) -> None:
    figure = discriminability_figure(bins, dpi=50)
    clip, static = figure.axes[0], figure.axes[2]
    assert (clip.get_ylabel(), static.get_ylabel()) == ("clip\nω, π", "static\nω, π")
    norm = _meshes(clip)[0].norm
    assert norm(np.array(1.0)) == pytest.approx(0.5)
    # F = 1 + bin at T' = 8, of Swin 1 + 8
    assert list(np.ma.asarray(_meshes(clip)[0].get_array())[:, 0]) == [1, 2, 3, 4, 5]
    assert (norm.vmin, norm.vmax) == pytest.approx((1 / 9, 9))
    assert np.ma.asarray(_meshes(static)[0].get_array()).max() == 1


def test_a_model_without_classes_to_tell_apart_is_left_out() -> None:
    table = spectra_table("i3d")
    alone = table.loc[table["quantity"] != "discriminability"]
    assert with_values({"i3d": alone, "swin": table}) == ["swin"]


def test_every_figure_gives_the_same_bytes_twice(
    depths: dict[str, pd.DataFrame], bins: dict[str, pd.DataFrame]
) -> None:
    def draw() -> list[bytes]:
        small: dict[str, Any] = {"dpi": 50}
        figures = (
            motion_figure(depths, POSTER, **small),
            spectrogram_figure(bins, "log_mean", **small),
            spatial_figure(bins, "log_mean", **small),
        )
        return [style.png(figure) for figure in figures]

    assert draw() == draw()
