"""Cells, layers, draws and scales of weight noise, against what METHOD 4 says."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from signal_perception.noise import definitions
from signal_perception.noise.definitions import Cell, Size, cell
from signal_perception.pipeline.errors import UserError


def chosen(layers: int, pool: str, rho: float, order: str = "random", repeat: int = 0) -> tuple:
    """The layers of a share ρ of a pool."""
    count = definitions.count(rho, len(definitions.pool_layers(layers, pool)))
    return definitions.chosen_layers(layers, pool, count, order=order, seed=1, repeat=repeat)


@pytest.mark.parametrize(
    ("layers", "edges"),
    [
        (12, (0, 4, 8, 12)),
        (27, (0, 9, 18, 27)),
        (24, (0, 8, 16, 24)),
        (16, (0, 5, 10, 16)),
        (3, (0, 1, 2, 3)),
        (4, (0, 1, 2, 4)),
    ],
)
def test_thirds_cover_all_layers_once(layers, edges):
    for j, pool in enumerate(("front", "middle", "rear")):
        assert definitions.pool_layers(layers, pool) == range(edges[j], edges[j + 1])
    assert definitions.pool_layers(layers, "all") == range(layers)


@pytest.mark.parametrize("order", ["random", "leading", "trailing"])
@pytest.mark.parametrize("pool", definitions.POOLS)
@pytest.mark.parametrize("layers", [12, 16, 24, 27])
def test_larger_rho_keeps_the_layers_of_smaller_rho(order, pool, layers):
    for repeat in range(5):
        nested = [chosen(layers, pool, rho, order, repeat) for rho in (0, 0.01, 0.25, 0.5, 0.75, 1)]
        for smaller, larger in pairwise(nested):
            assert set(smaller) <= set(larger)
        assert nested[0] == ()
        assert nested[-1] == tuple(definitions.pool_layers(layers, pool))


@pytest.mark.parametrize(
    ("layers", "pool", "rho", "count"),
    [
        (12, "all", 0.5, 6),
        (12, "rear", 0.25, 1),
        (12, "rear", 0.75, 3),
        (27, "front", 0.5, 5),
        (27, "front", 0.01, 1),
        (16, "rear", 0.25, 2),
    ],
)
@pytest.mark.parametrize("order", definitions.ORDERS)
def test_number_of_layers_is_rounded_half_up_and_never_zero(layers, pool, rho, count, order):
    found = chosen(layers, pool, rho, order)
    assert len(set(found)) == len(found) == count
    assert set(found) <= set(definitions.pool_layers(layers, pool))
    assert list(found) == sorted(found)
    asked = cell("q", layers, pool=pool, sigma=0.1, gamma=0.5, rho=rho)
    assert (asked.layers, asked.pool_layers) == (
        count,
        len(definitions.pool_layers(layers, pool)),
    )


def test_two_rho_that_disturb_as_many_layers_are_one_cell():
    def asked(rho):
        return cell("q", 6, pool="front", sigma=0.1, gamma=0.5, rho=rho)

    assert asked(0.25) == asked(0.5) != asked(1)
    assert asked(0.5).layers == 1


def test_orders_choose_what_they_say():
    assert chosen(12, "all", 1 / 3, "leading") == (0, 1, 2, 3)
    assert chosen(12, "all", 1 / 3, "trailing") == (8, 9, 10, 11)
    assert chosen(12, "all", 1 / 3, "even") == (1, 4, 7, 10)
    assert len({chosen(12, "all", 1 / 3, repeat=repeat) for repeat in range(12)}) == 12
    assert chosen(12, "all", 1 / 3, repeat=12) == chosen(12, "all", 1 / 3, repeat=0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9, 12, 16, 24, 27])
def test_as_many_repeats_as_layers_disturb_each_equally_often(size):
    for count in range(1, size + 1):
        assert set(times(size, count, range(size)).values()) == {count}
        # and so do the next ones
        assert set(times(size, count, range(size, 2 * size)).values()) == {count}


def test_few_repeats_disturb_the_layers_nearly_equally_often():
    """Half of the layers differ by one time at most, any share by two."""
    for size in (4, 8, 12):
        for repeats in range(1, size):
            for count in range(1, size + 1):
                often = times(size, count, range(repeats))
                most, least = max(often.values()), min(often[layer] for layer in range(size))
                assert most - least <= (1 if count == size / 2 else 2), (size, repeats, count)


def times(size: int, count: int, repeats: range) -> Counter:
    """Layer → how often it is chosen."""
    return Counter(
        layer
        for repeat in repeats
        for layer in definitions.chosen_layers(
            size, "all", count, order="random", seed=0, repeat=repeat
        )
    )


def test_the_thirds_are_disturbed_at_the_same_places():
    for repeat in range(4):
        front, middle, rear = (
            chosen(12, third, 0.5, repeat=repeat) for third in definitions.THIRDS
        )
        assert [layer + 4 for layer in front] == list(middle)
        assert [layer + 8 for layer in front] == list(rear)


def test_another_seed_is_another_permutation():
    found = {
        definitions.chosen_layers(12, "all", 6, order="random", seed=seed, repeat=0)
        for seed in range(20)
    }
    assert len(found) > 15


def test_scales():
    weight = np.array([[1.0, -3.0], [2.0, 4.0]])
    expected = {
        "absolute": 1,
        "rel_std": math.sqrt(6.5),
        "rel_max": 4,
        "rel_fro": math.sqrt(30 / 4),
    }
    for scale in definitions.SCALES:
        assert definitions.unit(weight, scale) == pytest.approx(expected[scale])
        size = definitions.measure(weight, scale)
        assert (size.elements, size.energy) == (4, 30)
        assert size.unit == definitions.unit(weight, scale)


def test_kappa_is_sigma_by_the_rms_of_the_weights_times_the_root_of_the_shares():
    asked = Cell("q", "front", 1, 4, 0.3, 0.25)
    # 10 elements with rms 2, 30 with rms 1
    pool = [Size(10, 40, 1), Size(30, 30, 1)]
    rms = math.sqrt(70 / 40)
    assert definitions.relative_amplitude(asked, pool) == pytest.approx(
        0.3 * math.sqrt(0.25 * 1 / 4) / rms
    )
    # in units of each slice's own rms it does not matter how large the weights are
    relative = [Size(10, 40, 2), Size(30, 30, 1)]
    assert definitions.relative_amplitude(asked, relative) == pytest.approx(
        0.3 * math.sqrt(0.25 * 1 / 4)
    )
    assert definitions.relative_amplitude(Cell("q", "front", 0, 4, 0.3, 0.25), pool) == 0
    assert definitions.relative_amplitude(asked, [Size(10, 0, 1)]) == math.inf


def test_relative_robustness():
    assert definitions.relative_robustness(25, 50) == pytest.approx(0.5)
    assert math.isnan(definitions.relative_robustness(0, 0))


def test_thirds_of_fewer_than_three_layers_are_refused():
    assert definitions.pool_layers(2, "all") == range(2)
    for pool in ("front", "middle", "rear"):
        with pytest.raises(UserError, match="at least 3"):
            definitions.pool_layers(2, pool)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sigma": -0.1}, "sigma = -0.1"),
        ({"sigma": math.nan}, "sigma = nan"),
        ({"gamma": 1.3}, "gamma = 1.3"),
        ({"rho": -0.5}, "rho = -0.5"),
        ({"pool": "centre"}, "all, front, middle, rear"),
        ({"kind": "noise"}, "weights, activations, gradient"),
    ],
)
def test_impossible_cells_are_refused(changed, message):
    setting = {"pool": "all", "sigma": 0.1, "gamma": 0.5, "rho": 0.5} | changed
    with pytest.raises(UserError, match=message):
        cell("q", 12, **setting)
