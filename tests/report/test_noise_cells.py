"""Panels, layers and equal cells, as figures of noise show them."""

import pandas as pd
import pytest

from signal_perception.report.results import noise_cells
from tests.support.noise_tables import noise_table


def test_panels_are_named_for_readers() -> None:
    panels = ["joint_attn.q", "temporal_attn.k", "middle", "conv", "spatial_attn.v/rear", "mlp/all"]
    assert list(noise_cells.titles(panels).values()) == [
        *("$W_Q$", "$W_K$", "middle third", "conv"),
        *("$W_V$, rear third", "mlp"),
    ]
    assert noise_cells.plain("$W_V$, rear third") == "W_V, rear third"


def test_panels_with_one_short_name_keep_their_full_ones() -> None:
    panels = ["spatial_attn.v", "temporal_attn.v", "mlp"]
    assert list(noise_cells.titles(panels).values()) == panels


def test_layers_stand_in_the_title_where_rho_is_no_axis() -> None:
    titles = [facet.title for facet in noise_cells.facets(noise_table(size=6))]
    assert titles == ["$W_Q$, 3/6 layers", "$W_V$, 3/6 layers"]


def test_two_rho_with_as_many_layers_are_one_row_with_both_in_its_label() -> None:
    cells = noise_table(panels=["front"], sigmas=[0.2], rhos=[0.25, 0.5, 1.0])
    (facet,) = noise_cells.facets(cells)
    assert (facet.title, facet.x, facet.y) == ("front third", "gamma", "rho")
    assert facet.y_labels == {0.25: "0.25, 0.5\n1/2", 1.0: "1\n2/2"}
    assert facet.values("top1_mean").shape == (2, 3)


@pytest.mark.parametrize(
    "axes, titles",
    [
        (
            ("gamma", "sigma"),
            ["front third, ρ = 0.25, 0.5: 1/2 layers", "front third, ρ = 1: 2/2 layers"],
        ),
        (("gamma", "rho"), ["front third, σ = 0.1", "front third, σ = 0.3"]),
        (
            ("rho", "sigma"),
            ["front third, γ = 0.05", "front third, γ = 0.45", "front third, γ = 0.85"],
        ),
    ],
)
def test_the_axes_are_those_of_the_table_and_the_third_variable_has_facets(
    axes: tuple[str, str], titles: list[str]
) -> None:
    cells = noise_table(panels=["front"], rhos=[0.25, 0.5, 1.0]).assign(x=axes[0], y=axes[1])
    facets = noise_cells.facets(cells)
    assert [facet.title for facet in facets] == titles
    assert {(facet.x, facet.y) for facet in facets} == {axes}
    labels = facets[0].x_labels if axes[0] == "rho" else facets[0].y_labels
    assert ("0.25, 0.5\n1/2" in labels.values()) == ("rho" in axes)
    # as many layers once, whatever the axes
    assert sum(len(facet.cells) for facet in facets) == 2 * 2 * 3


def test_a_cell_of_two_grids_is_one_cell() -> None:
    both = noise_table(grid="figure3", panels=["front"], sigmas=[0.1, 0.3], rhos=[0.5])
    other = noise_table(grid="figure4", panels=["front"], sigmas=[0.3], rhos=[0.25, 1.0])
    cells = noise_cells.distinct(pd.concat([both, other]))
    assert len(cells) == 6 + 3
    assert list(cells["grid"]) == ["figure3"] * 6 + ["figure4"] * 3


@pytest.mark.parametrize(("clean", "defined"), [(80.0, True), (20.0, False), (12.5, False)])
def test_retention_is_of_models_that_are_above_chance(clean: float, defined: bool) -> None:
    # chance is 12.5 %, and the cells are of 32 sources
    cells = noise_table().assign(clean_top1=clean)
    assert set(noise_cells.retention_is_defined(cells)) == {defined}


@pytest.mark.parametrize(("low", "defined"), [(12.6, True), (12.5, False), (None, False)])
def test_where_table_1_knows_whether_a_model_is_above_chance_it_decides(
    low: float | None, defined: bool
) -> None:
    cells = noise_cells.with_clean_low(noise_table(), {"views": 1, "low1": low})
    assert set(noise_cells.retention_is_defined(cells)) == {defined}


def test_an_interval_of_other_views_is_not_that_of_the_clean_model() -> None:
    cells = noise_table()
    assert noise_cells.with_clean_low(cells, {"views": 15, "low1": 1.0}) is cells
    assert noise_cells.with_clean_low(cells, None) is cells
