"""Cells, layers, draws and scales of weight noise, against what METHOD 4 says."""

import math
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from signal_perception.noise import definitions
from signal_perception.noise.definitions import Cell
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator


@pytest.mark.parametrize(
    ("layers", "edges"),
    [
        (12, (0, 4, 8, 12)),
        (27, (0, 9, 18, 27)),
        (24, (0, 8, 16, 24)),
        (16, (0, 5, 10, 16)),
        (3, (0, 1, 2, 3)),
    ],
)
def test_thirds_cover_all_layers_once(layers, edges):
    for j, pool in enumerate(("front", "middle", "rear")):
        assert definitions.pool_layers(layers, pool) == range(edges[j], edges[j + 1])
    assert definitions.pool_layers(layers, "all") == range(layers)


@pytest.mark.parametrize("order", ["random", "leading", "trailing"])
@pytest.mark.parametrize("pool", definitions.POOLS)
def test_larger_rho_keeps_the_layers_of_smaller_rho(order, pool):
    for repeat in range(5):
        chosen = [
            definitions.chosen_layers(27, pool, rho, order=order, seed=1, repeat=repeat)
            for rho in (0, 0.01, 0.25, 0.5, 0.75, 1)
        ]
        for smaller, larger in pairwise(chosen):
            assert set(smaller) <= set(larger)
        assert chosen[0] == ()
        assert chosen[-1] == tuple(definitions.pool_layers(27, pool))


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
    chosen = definitions.chosen_layers(layers, pool, rho, order=order, seed=0, repeat=0)
    assert len(set(chosen)) == len(chosen) == count
    assert set(chosen) <= set(definitions.pool_layers(layers, pool))
    assert list(chosen) == sorted(chosen)


def test_orders_choose_what_they_say():
    def choose(order, repeat=0):
        return definitions.chosen_layers(12, "all", 1 / 3, order=order, seed=0, repeat=repeat)

    assert choose("leading") == (0, 1, 2, 3)
    assert choose("trailing") == (8, 9, 10, 11)
    assert choose("even") == (1, 4, 7, 10)
    assert len({choose("random", repeat) for repeat in range(20)}) > 10


def test_values_are_standard_normal():
    values = definitions.draw(200_000, seed=0, repeat=0, address="blocks.0", part="q").values
    assert values.dtype == np.float32
    ordered = np.sort(values.astype(np.float64))
    normal = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in ordered])
    steps = np.arange(len(ordered) + 1) / len(ordered)
    distance = max(np.max(steps[1:] - normal), np.max(normal - steps[:-1]))
    # Kolmogorov–Smirnov at the 1 % level
    assert distance < 1.63 / math.sqrt(len(values))
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.01


def test_the_largest_uniform_number_has_a_finite_value(monkeypatch):
    extremes = np.array([0, 1 - 2.0**-53])
    monkeypatch.setattr(definitions, "_uniform", lambda *_: extremes)
    assert definitions.draw(2, seed=0, repeat=0, address="w", part="").values == pytest.approx(
        [-8.29, 8.21], abs=0.01
    )


def test_every_name_changes_the_draw_and_a_longer_slice_begins_alike():
    base: dict[str, Any] = {"seed": 0, "repeat": 0, "address": "blocks.0", "part": "q"}
    first = definitions.draw(50, **base)
    others: list[dict[str, Any]] = [
        {"seed": 1},
        {"repeat": 1},
        {"address": "blocks.1"},
        {"part": "k"},
    ]
    for other in others:
        changed = definitions.draw(50, **(base | other))
        assert not np.array_equal(first.values, changed.values)
        assert not np.array_equal(first.score, changed.score)
    assert np.array_equal(definitions.draw(80, **base).values[:50], first.values)
    # values and places come from two separate streams
    long = definitions.draw(50_000, **base)
    assert abs(np.corrcoef(long.values, long.score)[0, 1]) < 0.02


@pytest.mark.parametrize("mask", definitions.MASKS)
def test_larger_gamma_keeps_the_elements_of_smaller_gamma_and_their_values(mask):
    drawn = definitions.draw(1001, seed=0, repeat=0, address="w", part="", mask=mask)
    previous = np.zeros(1001, np.float32)
    for gamma in (0.05, 0.25, 0.45, 0.65, 0.85, 1):
        change = definitions.change(drawn, 0.2, gamma)
        reached = previous != 0
        assert np.array_equal(change[reached], previous[reached])
        assert np.count_nonzero(change) > np.count_nonzero(previous)
        previous = change
    assert np.array_equal(previous, np.float32(0.2) * drawn.values)


@pytest.mark.parametrize("size", [1, 7, 36, 1001])
@pytest.mark.parametrize("gamma", [0, 0.05, 0.25, 0.5, 0.85, 1])
def test_the_exact_mask_has_exactly_the_rounded_number(size, gamma):
    drawn = definitions.draw(size, seed=0, repeat=0, address="w", part="")
    assert sorted(drawn.score) == list(range(size))
    assert np.count_nonzero(definitions.change(drawn, 0.1, gamma)) == math.floor(gamma * size + 0.5)


def test_the_bernoulli_mask_is_right_on_average_only():
    counts = [
        np.count_nonzero(
            definitions.change(
                definitions.draw(1000, seed=0, repeat=r, address="w", part="", mask="bernoulli"),
                1,
                0.3,
            )
        )
        for r in range(40)
    ]
    assert np.mean(counts) == pytest.approx(300, abs=3 * math.sqrt(210 / 40))
    assert len(set(counts)) > 5


def test_equal_ranks_are_broken_by_the_flat_index(monkeypatch):
    monkeypatch.setattr(definitions, "_uniform", lambda size, *_: np.full(size, 0.25))
    assert np.array_equal(
        definitions.draw(9, seed=0, repeat=0, address="w", part="").score, np.arange(9)
    )


def test_values_follow_the_formula_of_the_method():
    """The same numbers from the standard library's inverse normal and the generator's bits."""
    bits = generator(0, "noise", "values", 0, "blocks.3.attn", "q").bit_generator.random_raw(100)
    expected = [NormalDist().inv_cdf((int(b) >> 11) * 2.0**-53 + 2.0**-54) for b in bits]
    assert definitions.draw(
        100, seed=0, repeat=0, address="blocks.3.attn", part="q"
    ).values == pytest.approx(expected, rel=1e-6)


def test_scales():
    weight = np.array([[1.0, -3.0], [2.0, 4.0]])
    expected = {
        "absolute": 1,
        "rel_std": math.sqrt(6.5),
        "rel_max": 4,
        "rel_fro": math.sqrt(30 / 4),
    }
    for scale in definitions.SCALES:
        assert definitions.effective_sigma(weight, 0.5, scale) == pytest.approx(
            0.5 * expected[scale]
        )


def test_retention_and_robustness():
    assert definitions.retention(26, 50, 2) == pytest.approx(0.5)
    assert definitions.retention(2, 50, 2) == 0
    assert math.isnan(definitions.retention(2, 2, 2))
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
        ({"gamma": 1.5}, "gamma = 1.5"),
        ({"rho": -0.5}, "rho = -0.5"),
        ({"pool": "centre"}, "all, front, middle, rear"),
    ],
)
def test_impossible_cells_are_refused(changed, message):
    setting = {"component": "q", "pool": "all", "sigma": 0.1, "gamma": 0.5, "rho": 0.5} | changed
    with pytest.raises(UserError, match=message):
        Cell(**setting)
