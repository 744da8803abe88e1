"""The grids: the poster's have the cells that the method counts, and one's own take five lines."""

from typing import Any

import pytest
from pydantic import ValidationError

from signal_perception.models.core import registry
from signal_perception.noise import grid
from signal_perception.noise.grid import Layers, Plan
from signal_perception.noise.layers import layers
from signal_perception.noise.settings import Noise
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import read_yaml
from tests.support.grids import NOISE
from tests.support.project import ROOT

ATTENTION = Layers(
    weights=dict.fromkeys(
        ["spatial_attn", "spatial_attn.q", "spatial_attn.k", "spatial_attn.v", "mlp"], 12
    ),
    activations={"mlp": 12, "mlp.branch": 12, "spatial_attn": 12},
)


def noise(grids: dict[str, dict[str, Any]], **changed: Any) -> Noise:
    gammas = [0.05, 0.25, 0.45, 0.65, 0.85]
    return Noise.model_validate(NOISE | {"gamma": gammas, "grids": grids} | changed)


def planned(grids: dict[str, dict[str, Any]], component: str = "mlp", **changed: Any) -> Plan:
    return grid.plan(noise(grids, **changed), component, ATTENTION)


@pytest.fixture(scope="module")
def poster() -> Plan:
    """The poster's preset over the committed parameters."""
    found = dict(read_yaml(ROOT / "params.yaml")["noise"])
    preset = dict(read_yaml(ROOT / "presets" / "poster.yaml")["noise"])
    grids = {name: each | preset["grids"][name] for name, each in found["grids"].items()}
    return grid.plan(
        Noise.model_validate(found | preset | {"grids": grids}), "spatial_attn", ATTENTION
    )


def test_the_poster_has_210_places_and_runs_the_15_shared_cells_once(poster: Plan) -> None:
    cells, places = poster.cells, poster.places
    assert len(places) == 75 + 75 + 60
    assert len(cells) == 210 - 15
    shared = [p.cell for p in places if p.grid == "figure3" and cells[p.cell].sigma == 0.2]
    assert sorted(shared) == sorted(p.cell for p in places if p.grid == "figure4" and p.rho == 0.5)
    panels = {p.panel for p in places if p.grid == "figure2"}
    assert panels == {f"spatial_attn.{part}" for part in "qkv"}
    axes = {p.grid: p.axes for p in places}
    assert axes == {
        "figure2": ("gamma", "sigma"),
        "figure3": ("gamma", "sigma"),
        "figure4": ("gamma", "rho"),
    }


def test_two_rho_that_choose_as_many_layers_are_one_cell() -> None:
    two = Layers({"conv": 6}, {})
    asked = noise({"a": {"panels": "thirds", "sigma": 1.0, "rho": [0.25, 0.5, 1.0]}}, gamma=0.5)
    found = grid.plan(asked, "conv", two)
    front = [place for place in found.places if place.panel == "front"]
    assert [place.rho for place in front] == [0.25, 0.5, 1.0]
    assert front[0].cell == front[1].cell != front[2].cell
    assert [(found.cells[p.cell].layers, found.cells[p.cell].pool_layers) for p in front] == [
        (1, 2),
        (1, 2),
        (2, 2),
    ]
    assert len(found.cells) == 6


def test_a_grid_of_ones_own_names_components_and_pools() -> None:
    own = {"panels": ["mlp", "spatial_attn.v/middle"], "sigma": [0.1, 0.2], "rho": 1.0, "gamma": 1}
    found = planned({"mine": own | {"x": "sigma"}})
    assert [(c.component, c.pool, c.sigma, c.layers, c.pool_layers) for c in found.cells] == [
        ("mlp", "all", 0.1, 12, 12),
        ("mlp", "all", 0.2, 12, 12),
        ("spatial_attn.v", "middle", 0.1, 4, 4),
        ("spatial_attn.v", "middle", 0.2, 4, 4),
    ]
    assert {place.panel for place in found.places} == {"mlp", "spatial_attn.v/middle"}
    assert found.places[0].axes == ("sigma", "rho")


def test_a_component_without_parts_is_one_panel() -> None:
    found = planned({"a": {"panels": "parts", "sigma": 0.1, "rho": 0.5}})
    assert {place.panel for place in found.places} == {"mlp"}


def test_activations_are_disturbed_by_kinds_of_taps() -> None:
    own = {"panels": ["mlp.branch"], "sigma": 0.1, "rho": 0.5, "kind": "activations"}
    # what the model's entry names is no kind of tap, and nobody asks for it
    found = planned({"a": own}, component="spatial_attn.q")
    assert {(c.component, c.kind) for c in found.cells} == {("mlp.branch", "activations")}
    with pytest.raises(UserError, match=r"no kind of tap 'spatial_attn.v'.* has mlp, mlp.branch"):
        planned({"a": own | {"panels": ["spatial_attn.v"]}})


def test_the_worst_case_is_a_second_cell_in_the_same_place() -> None:
    asked = {"a": {"panels": "parts", "sigma": [0.1, 0.2], "rho": 0.5}}
    plain, both = planned(asked), planned(asked, worst_case=True)
    assert len(both.cells) == 2 * len(plain.cells)
    assert [c for c in both.cells if c.kind == "weights"] == list(plain.cells)
    kinds = [both.cells[place.cell].kind for place in both.places]
    assert kinds == ["weights", "gradient"] * len(plain.places)


def test_the_middle_cell_of_each_panel_is_listened_to(poster: Plan) -> None:
    grids = {"a": {"panels": "thirds", "sigma": [0.3, 0.1, 0.2], "rho": [0.25, 0.5, 1.0, 0.75]}}
    asked = noise(grids, listen=["a"], worst_case=True)
    found = grid.plan(asked, "mlp", ATTENTION)
    listened = grid.listened(asked, found)
    assert [place.panel for place in listened] == ["front", "middle", "rear"]
    for place in listened:
        cell = found.cells[place.cell]
        assert (cell.sigma, cell.gamma, place.rho, cell.kind) == (0.2, 0.45, 0.75, "weights")


def test_numbers_of_layers_are_those_of_the_model() -> None:
    found = layers("timesformer_divided", registry.build("timesformer_divided", 4, {"depth": 3}))
    assert found.weights["spatial_attn.v"] == found.weights["mlp"] == 3
    assert found.activations["temporal_attn"] == found.activations["mlp.branch"] == 3


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        ({"panels": ["conv"]}, "no component 'conv' to disturb; it has mlp, spatial_attn"),
        ({"panels": ["mlp/centre"]}, "no pool of layers 'centre'; choose one of all, front"),
    ],
)
def test_what_a_model_lacks_is_a_sentence(grids: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        planned({"a": {"sigma": 0.1, "rho": 0.5} | grids})


def test_thirds_of_two_layers_are_refused() -> None:
    asked = noise({"a": {"panels": "thirds", "sigma": 0.1, "rho": 0.5}})
    with pytest.raises(UserError, match="asked of 2 layers, and thirds need at least 3"):
        grid.plan(asked, "conv", Layers({"conv": 2}, {}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"listen": ["b"]}, "listen names 'b', which is no grid: choose of a"),
        ({"gamma": 1.3}, "less than or equal to 1"),
        ({"grids": {"a": {"panels": "thirds", "sigma": [], "rho": 1.0}}}, "at least 1 item"),
        ({"grids": {"a/b": {"panels": "thirds", "sigma": 0.1, "rho": 1.0}}}, "match pattern"),
        (
            {"grids": {"a": {"panels": "thirds", "sigma": 1.0, "rho": 1.0, "y": "gamma"}}},
            "x and y are both gamma",
        ),
    ],
)
def test_impossible_grids_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        noise(**({"grids": {"a": {"panels": "thirds", "sigma": 0.1, "rho": 1.0}}} | changed))
