"""The random part of a slice: recorded, normal, nested; its mask does not know the values."""

import hashlib
import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from signal_perception.noise import definitions
from signal_perception.noise.definitions import Draw
from signal_perception.seeding import generator

MILLIONS = 10**7


def inside(drawn: Draw, gamma: float, mask: str = "exact") -> np.ndarray:
    """Where a mask is 1."""
    return drawn.score < definitions.reached(gamma, len(drawn.score), mask)


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
