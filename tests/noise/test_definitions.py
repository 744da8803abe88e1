"""Cells, layers, draws and scales of weight noise, against what METHOD 4 says."""

import hashlib
import math
from collections import Counter
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from signal_perception.noise import definitions
from signal_perception.noise.definitions import Cell, Draw, Size, cell
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator

MILLIONS = 10**7


def chosen(layers: int, pool: str, rho: float, order: str = "random", repeat: int = 0) -> tuple:
    """The layers of a share ρ of a pool."""
    count = definitions.count(rho, len(definitions.pool_layers(layers, pool)))
    return definitions.chosen_layers(layers, pool, count, order=order, seed=1, repeat=repeat)


def inside(drawn: Draw, gamma: float, mask: str = "exact") -> np.ndarray:
    """Where a mask is 1."""
    return drawn.score < definitions.reached(gamma, len(drawn.score), mask)


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


def test_the_draws_are_the_recorded_ones():
    """Computed once, apart from this code: results are comparable while this holds."""
    name: dict[str, Any] = {"seed": 0, "repeat": 3, "address": "blocks.3.attn", "part": "q"}
    drawn = definitions.draw(100_000, **name)
    loose = definitions.draw(100_000, **name, mask="bernoulli")
    assert sha256(drawn.values.astype("<f4")) == (
        "41a8c75b2e96bb771cd3a37b6daa7673c277a86b363f09885be70a0e37038927"
    )
    assert sha256(drawn.score.astype("<i4")) == (
        "c8a4a2d4acb72c3b1b67c4512d105cc3907c72f72f76413c70e1a828f0d06c1b"
    )
    assert sha256(loose.score.astype("<i4")) == (
        "cc8a0c93e686e3e7c3a2d9536dffb1a75ba47f0aa04a9276de7b4f5c726251a4"
    )
    assert np.array_equal(loose.values, drawn.values)


def sha256(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def many() -> Draw:
    return definitions.draw(MILLIONS, seed=0, repeat=0, address="blocks.0", part="q")


def test_values_are_standard_normal(many):
    assert many.values.dtype == np.float32
    assert many.score.dtype == np.int32
    normal = ndtr(np.sort(many.values).astype(np.float64))
    steps = np.arange(MILLIONS + 1) / MILLIONS
    distance = max(np.max(steps[1:] - normal), np.max(normal - steps[:-1]))
    # Kolmogorov–Smirnov at the 1 % level
    assert distance < 1.63 / math.sqrt(MILLIONS)
    assert are_normal(many.values)
    assert abs(np.corrcoef(many.values[1:], many.values[:-1])[0, 1]) < 3 / math.sqrt(MILLIONS)


def test_the_mask_does_not_know_the_values(many):
    assert abs(np.corrcoef(many.values, many.score)[0, 1]) < 3 / math.sqrt(MILLIONS)
    assert abs(np.corrcoef(np.abs(many.values), many.score)[0, 1]) < 3 / math.sqrt(MILLIONS)
    # nor the place in the slice
    assert abs(np.corrcoef(np.arange(MILLIONS), many.score)[0, 1]) < 3 / math.sqrt(MILLIONS)
    for gamma in (0.05, 0.5):
        assert are_normal(many.values[inside(many, gamma)])


def are_normal(values: np.ndarray) -> bool:
    """Whether mean, variance, skewness and kurtosis are those of N(0, 1), to 3 standard errors."""
    z, n = values.astype(np.float64), len(values)
    moments = [np.mean(z**order) for order in (1, 2, 3, 4)]
    expected, variances = (0, 1, 0, 3), (1, 2, 15, 96)
    return all(
        abs(moment - value) < 3 * math.sqrt(variance / n)
        for moment, value, variance in zip(moments, expected, variances)
    )


def test_the_largest_uniform_number_has_a_finite_value(monkeypatch):
    extremes = np.array([0, 2**64 - 1], np.uint64)
    monkeypatch.setattr(definitions, "_bits", lambda *_: extremes)
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
def test_larger_gamma_keeps_the_elements_of_smaller_gamma(mask):
    drawn = definitions.draw(1001, seed=0, repeat=0, address="w", part="", mask=mask)
    previous = np.zeros(1001, bool)
    for gamma in (0.05, 0.25, 0.45, 0.65, 0.85, 1):
        now = inside(drawn, gamma, mask)
        assert now[previous].all()
        assert now.sum() > previous.sum()
        previous = now
    assert previous.all()
    assert not inside(drawn, 0, mask).any()


@pytest.mark.parametrize("size", [1, 7, 36, 1001])
@pytest.mark.parametrize("gamma", [0, 0.05, 0.25, 0.5, 0.85, 1])
def test_the_exact_mask_has_exactly_the_rounded_number(size, gamma):
    drawn = definitions.draw(size, seed=0, repeat=0, address="w", part="")
    assert sorted(drawn.score) == list(range(size))
    assert inside(drawn, gamma).sum() == math.floor(gamma * size + 0.5)


def test_the_bernoulli_mask_is_right_on_average_only():
    counts = [
        inside(
            definitions.draw(1000, seed=0, repeat=r, address="w", part="", mask="bernoulli"),
            0.3,
            "bernoulli",
        ).sum()
        for r in range(40)
    ]
    assert np.mean(counts) == pytest.approx(300, abs=3 * math.sqrt(210 / 40))
    assert len(set(counts)) > 5


def test_equal_ranks_are_broken_by_the_flat_index(monkeypatch):
    """Every other element has the lower number; the bits below those that count differ."""

    def bits(size, *_):
        return (np.arange(size, dtype=np.uint64) % 2) << np.uint64(11) | np.uint64(5)

    monkeypatch.setattr(definitions, "_bits", bits)
    score = definitions.draw(2000, seed=0, repeat=0, address="w", part="").score
    assert np.array_equal(score[::2], np.arange(1000))
    assert np.array_equal(score[1::2], np.arange(1000, 2000))


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
