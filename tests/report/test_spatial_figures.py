"""Figures of spectra over space."""

import numpy as np
import pandas as pd
import pytest

from signal_perception.report.figures.spatial_figures import (
    spatial_depth_figure,
    spatial_figure,
    without,
)
from tests.support.line_figures import xs, ys
from tests.support.spectral_tables import spectra_table


def test_spatial_spectra_have_a_line_per_tap_in_the_colour_of_its_depth(
    bins: dict[str, pd.DataFrame],
) -> None:
    axis, scale = spatial_figure(bins, "log_mean", dpi=50).axes
    assert axis.get_title() == "Swin"
    assert len(axis.lines) == 48
    assert len({line.get_color() for line in axis.lines}) == 48
    # 14 places: bins 0 … 6
    assert list(xs(axis.lines[0])) == pytest.approx([2 * u / 14 for u in range(7)])
    assert ys(axis.lines[0])[0] == 0
    assert scale.get_ylabel() == "normalised depth"


def test_models_with_small_maps_have_no_spatial_spectrum_and_are_told_why(
    bins: dict[str, pd.DataFrame],
) -> None:
    assert without(bins, "spatial") == {
        "i3d": "its maps have at most 2 × 2 places, and a diagonal needs at least 4 on every axis"
    }
    assert without(bins, "spatiotemporal")["i3d"].endswith("on every axis and in time")
    short = {"mine": spectra_table("mine", backbone=[(("mlp",), 2, 2)])}
    assert (list(without(short, "spatial")), list(without(short, "spatiotemporal"))) == (
        [],
        ["mine"],
    )


def test_top_bins_are_drawn_along_the_depth_and_break_where_the_maps_change() -> None:
    table = spectra_table("i3d", backbone=[(("conv",), 3, 8), (("conv",), 3, 8)])
    smaller = table["order"] > 3
    table = table.assign(height=table["height"].where(~smaller, 7))
    spatial, spatiotemporal = spatial_depth_figure({"i3d": table}, "log_mean", dpi=50).axes
    for axis, top in ((spatial, 6), (spatiotemporal, 3)):
        (line,) = axis.lines
        assert ys(line)[0] == pytest.approx(-1 - top / 10 - 0.01)
        assert list(np.flatnonzero(np.isnan(ys(line)))) == [3]
