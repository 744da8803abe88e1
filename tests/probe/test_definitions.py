"""CKA: its properties, its value by hand, no bias, and intervals that cover what they say."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from signal_perception.probe.definitions import Similarity, similarity
from signal_perception.seeding import generator

RNG = generator(0, "tests")


def alike(x: NDArray, y: NDArray, clusters: Sequence[int] | NDArray | None = None) -> Similarity:
    number = np.arange(len(x)) if clusters is None else np.array(clusters)
    return similarity(x, y, number, generator(1, "orders"))


def rotation(channels: int) -> NDArray:
    return np.linalg.qr(RNG.normal(size=(channels, channels)))[0]


def by_hand(x: NDArray, y: NDArray, clusters: NDArray) -> float:
    """HSIC₁ as its definition has it: over all pairs, triples and fours of different sources."""
    k, m = x @ x.T, y @ y.T

    def of(count: int) -> list[tuple[int, ...]]:
        every = permutations(range(len(x)), count)
        return [each for each in every if len(set(clusters[list(each)])) == count]

    two = np.mean([k[i, j] * m[i, j] for i, j in of(2)])
    three = np.mean([k[i, j] * m[i, a] for i, j, a in of(3)])
    four = np.mean([k[i, j] * m[a, b] for i, j, a, b in of(4)])
    return float(two - 2 * three + four)


def test_features_are_wholly_alike_to_themselves() -> None:
    x = RNG.normal(size=(30, 8))
    found = alike(x, x)
    assert found.value == pytest.approx(1, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((1, 1), abs=1e-9)
    assert found.shuffled < 0.5


def test_rotations_shifts_and_scales_change_nothing() -> None:
    x, y = RNG.normal(size=(40, 6)), RNG.normal(size=(40, 9))
    y[:, :6] += x
    clusters = np.arange(40) // 3
    first = alike(x, y, clusters)
    again = alike(3 * x @ rotation(6) + 100, 0.01 * y @ rotation(9) - 7, clusters)
    assert again.numbers == pytest.approx(first.numbers, abs=1e-9)
    # another map of the channels is no rotation, and does
    assert abs(alike(x @ np.diag([9, 1, 1, 1, 1, 1]), y, clusters).value - first.value) > 0.01


def test_it_does_not_depend_on_the_order_of_videos_or_the_names_of_sources() -> None:
    x, y, clusters = RNG.normal(size=(20, 4)), RNG.normal(size=(20, 5)), np.arange(20) % 6
    first, order = alike(x, y, clusters), RNG.permutation(20)
    again = alike(x[order], y[order], (clusters[order] * 7) % 11)
    assert again.numbers[:3] == pytest.approx(first.numbers[:3], abs=1e-12)
    named = similarity(x, y, np.array(list("abcdef"))[clusters], generator(1, "orders"))
    assert named.numbers == pytest.approx(first.numbers, abs=1e-12)


@pytest.mark.parametrize(
    "clusters", [[0, 1, 2, 3, 4, 5], [0, 1, 1, 2, 3, 0, 4, 2], [2, 2, 2, 0, 1, 4, 3, 3]]
)
def test_the_value_is_that_of_the_definition(clusters: list[int]) -> None:
    x, y = RNG.normal(size=(len(clusters), 3)), RNG.normal(size=(len(clusters), 2))
    x, y, number = x - x.mean(axis=0), y - y.mean(axis=0), np.array(clusters)

    def cka(keep: NDArray) -> float:
        a, b, c = x[keep], y[keep], number[keep]
        both = by_hand(a, a, c) * by_hand(b, b, c)
        return by_hand(a, b, c) / np.sqrt(both) if both > 0 else np.nan

    found = alike(x, y, number)
    assert found.value == pytest.approx(cka(np.full(len(x), True)), abs=1e-9)
    # the jackknife, from its definition
    rest = [cka(number != source) for source in range(number.max() + 1)]
    if np.isnan(rest).any() or np.abs(rest).max() > 1:
        return
    z = np.arctanh(rest)
    error = np.sqrt((len(z) - 1) / len(z) * ((z - z.mean()) ** 2).sum())
    # Student's 97.5 % of 4 and of 5 degrees of freedom
    half = {5: 2.776445, 6: 2.570582}[len(z)] * error
    expected = np.tanh([np.arctanh(found.value) - half, np.arctanh(found.value) + half])
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-6)


def test_a_hand_computed_case() -> None:
    # x = ±1 and y = ±1 in one channel; HSIC₁ of four videos has 12, 24 and 24 terms
    x = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    y = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    # Σ K_ij L_ij = −4, Σ K_ij L_ik = 8, Σ K_ij L_kl = −8; of x and x: 12, −8 and 24
    same, other = 12 / 12 - 2 * -8 / 24 + 24 / 24, -4 / 12 - 2 * 8 / 24 + -8 / 24
    assert other / same == pytest.approx(-1 / 2)
    assert alike(x, y).value == pytest.approx(-1 / 2)


@pytest.mark.parametrize("videos, channels", [(20, 200), (40, 150)])
def test_features_with_nothing_in_common_are_0_where_the_usual_cka_is_near_1(
    videos: int, channels: int
) -> None:
    values, usual = [], []
    for _ in range(40):
        x, y = RNG.normal(size=(2, videos, channels))
        values.append(alike(x, y).value)
        k, m = (each - each.mean(axis=0) for each in (x, y))
        k, m = k @ k.T, m @ m.T
        usual.append((k * m).sum() / np.sqrt((k**2).sum() * (m**2).sum()))
    assert np.mean(usual) > 0.7
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(40)


def test_videos_of_one_source_do_not_make_features_alike() -> None:
    clusters = np.repeat(np.arange(12), 6)
    values = []
    for _ in range(60):
        # each side knows its source, by numbers of its own
        x, y = (RNG.normal(size=(12, 30))[clusters] * 3 for _ in range(2))
        noise = RNG.normal(size=(2, 72, 30))
        values.append(alike(x + noise[0], y + noise[1], clusters).value)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)
    # counted as if they were of many sources, they would
    assert alike(x + noise[0], y + noise[1]).value > 0.3


def test_shuffled_videos_are_exceeded_by_chance_once_in_twenty() -> None:
    found = [alike(*RNG.normal(size=(2, 24, 10))) for _ in range(300)]
    share = np.mean([each.value > each.shuffled for each in found])
    assert 0.05 - 0.035 < share < 0.05 + 0.035


@pytest.mark.parametrize("intra, videos", [(0.0, 1), (0.3, 8)])
def test_intervals_cover_the_truth_with_16_sources(intra: float, videos: int) -> None:
    clusters = np.repeat(np.arange(16), videos)
    loads = generator(2, "x").normal(size=(4, 12)), generator(2, "y").normal(size=(4, 9))
    covariance = [load.T @ load + np.eye(load.shape[1]) for load in loads]
    shared = ((loads[0].T @ loads[1]) ** 2).sum()
    truth = shared / np.sqrt(np.prod([(each**2).sum() for each in covariance]))
    rng, hits, number = generator(3, "coverage"), 0, 300

    def draw(channels: int) -> NDArray:
        between, within = rng.normal(size=(16, channels)), rng.normal(size=(16 * videos, channels))
        return np.sqrt(intra) * between[clusters] + np.sqrt(1 - intra) * within

    for _ in range(number):
        z = draw(4)
        x, y = z @ loads[0] + draw(12), z @ loads[1] + draw(9)
        found = similarity(x, y, clusters, rng)
        hits += found.low <= truth <= found.high
    print(f"\ncoverage {hits / number:.3f} of {truth:.3f}")
    assert hits / number >= 0.93


def test_what_cannot_be_known_is_nan() -> None:
    x, y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 3)) + 1
    # features of all videos the same
    assert np.isnan(alike(x, np.ones((12, 3))).numbers).all()
    assert np.isnan(alike(x[:3], y[:3]).value)
    # four sources have a value, and without one of them none
    four = alike(x, y, np.arange(12) % 4)
    assert np.isfinite([four.value, four.shuffled]).all()
    assert np.isnan([four.low, four.high]).all()
    # three sources: videos stand for themselves
    three = alike(x, y, np.arange(12) % 3)
    assert three.value == alike(x, y).value
    assert np.isnan([three.low, three.high]).all()
