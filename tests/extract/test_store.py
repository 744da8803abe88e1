"""xarray opens a store, one tap or all, without a warning and with its coordinates."""

from pathlib import Path

import numpy as np
import pytest
import xarray

from signal_perception.extract import store, store_writer
from signal_perception.extract.store import ActivationStore, StoreFacts
from tests.support import activations
from tests.support.activations import ACTIVATIONS, FACTS, INPUTS, MEANS, PART, TAPS


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return activations.make(tmp_path_factory.mktemp("store") / "a.zarr")


def test_what_was_written_comes_back(path: Path) -> None:
    found = ActivationStore(path)
    assert found.facts == FACTS
    assert found.taps() == TAPS
    for tap in TAPS:
        assert np.array_equal(np.asarray(found.activation(tap.tap)[...]), ACTIVATIONS[tap.tap])
        for name, values in MEANS[tap.tap].items():
            assert np.array_equal(found.means(tap.tap)[name], values)


def test_xarray_opens_one_tap_with_its_coordinates(path: Path) -> None:
    data = xarray.open_zarr(path, group="activations/00.mlp")
    assert data.activation.dims == store.DIMENSIONS
    assert list(data.video.values) == ["a", "c"]
    assert list(data.label.values) == ["x", "x"]
    assert np.allclose(data.seconds, 0.2 * np.arange(8))
    moved = data.activation.sel(input="clip") - data.activation.sel(input="static")
    expected = ACTIVATIONS["00.mlp"][0] - ACTIVATIONS["00.mlp"][1]
    assert np.array_equal(moved.values, expected)
    data = xarray.open_zarr(path, group="means/01.mlp")
    assert list(data.bin.values) == [0, 1, 2]
    assert np.allclose(data.hertz, np.arange(3) / (4 * 0.2))
    chosen = data.temporal.sel(input="static", video="b", mean="power")
    assert np.array_equal(chosen.values, MEANS["01.mlp"]["temporal"][1, 1, 2])


def test_xarray_opens_the_whole_store(path: Path) -> None:
    tree = xarray.open_datatree(path, engine="zarr")
    assert {"/activations/00.mlp", "/means/01.mlp"} <= set(tree.groups)
    assert tree["means/00.mlp"].attrs["epsilon_spatial"] == 2e-6


def test_sizes_are_known_before(path: Path) -> None:
    files = list((path / "activations").rglob("activation/c.*"))
    index = 4 + 16 * 2
    taken = sum(file.stat().st_size - index for file in files)
    assert store.activation_bytes(FACTS, TAPS) == taken
    numbers = sum(values.nbytes for means in MEANS.values() for values in means.values())
    assert store.means_bytes(FACTS, TAPS) == numbers


def test_the_parts_that_are_not_kept_are_not_there(tmp_path: Path) -> None:
    facts = StoreFacts(INPUTS, 0.1, "0", "none", PART, None)
    store_writer.create(tmp_path / "a.zarr", facts, TAPS)
    for tap in TAPS:
        store_writer.write_means(tmp_path / "a.zarr", facts, tap, MEANS[tap.tap])
    store_writer.finish(tmp_path / "a.zarr", facts, TAPS)
    assert not (tmp_path / "a.zarr/activations").exists()
    assert ActivationStore(tmp_path / "a.zarr").taps() == TAPS
