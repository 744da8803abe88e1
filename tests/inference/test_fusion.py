"""Fusion of views against cases worked out by hand, and where float32 ends."""

import numpy as np
import pytest
from scipy.special import softmax

from signal_perception.inference.fusion import fuse, probabilities

RULES = ("logits", "probabilities")


def test_fusion_averages_logits_or_probabilities() -> None:
    views = np.log(np.array([[[0.9, 0.1], [0.2, 0.8]]]))
    assert fuse(views, "probabilities")[0] == pytest.approx(np.log([0.55, 0.45]))
    assert fuse(views, "logits")[0] == pytest.approx([np.log(0.18) / 2, np.log(0.08) / 2])


def test_two_views_of_three_classes() -> None:
    """The rules disagree: one view that is very sure has more weight among logits."""
    views = np.array([[[4, 0, 0], [0, 1, 0]]], np.float32)
    assert fuse(views, "logits")[0].tolist() == [2, 0.5, 0]
    one, other = 1 / (np.e**4 + 2), 1 / (np.e + 2)
    expected = [(np.e**4 * one + other) / 2, (one + np.e * other) / 2, (one + other) / 2]
    fused = fuse(views, "probabilities")
    assert np.exp(fused[0]) == pytest.approx(expected)
    assert expected == pytest.approx([0.588, 0.297, 0.115], abs=1e-3)
    # probabilities come back from their logarithms; logits have those of their softmax
    assert probabilities(fused)[0] == pytest.approx(expected)
    odds = np.exp([2, 0.5, 0])
    assert probabilities(fuse(views, "logits"))[0] == pytest.approx(odds / odds.sum())


def test_probabilities_of_broken_scores_are_none() -> None:
    found = probabilities(np.array([[0, 1], [np.nan, 0], [np.inf, 0]], np.float32))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()


def test_scores_are_float32_from_sums_in_float64() -> None:
    views = np.random.default_rng(0).standard_normal((5, 3, 7)).astype(np.float32)
    expected = np.log(softmax(views.astype(np.float64), axis=-1).mean(axis=1))
    found = fuse(views, "probabilities")
    assert found.dtype == np.float32
    assert np.array_equal(found, expected.astype(np.float32))


def test_a_saturated_softmax_keeps_its_classes_apart() -> None:
    """The probabilities of the last three are 0 in float64, and their order is not lost."""
    views = np.array([[[1000, 3, 2, 1], [1000, 3, 2, 1]]], np.float32)
    assert fuse(views, "probabilities")[0] == pytest.approx([0, -997, -998, -999])
    # one view that is sure of nothing decides what is left of the mean
    views = np.array([[[1000, 0, 0, 0], [0, 0, 0, 0]]], np.float32)
    assert fuse(views, "probabilities")[0] == pytest.approx(np.log([0.625] + [0.125] * 3))


def test_equal_logits_stay_equal() -> None:
    found = fuse(np.array([[[0, 1000, 0], [5, 5, 5]]], np.float32), "probabilities")[0]
    assert found[0] == found[2] < found[1]


@pytest.mark.parametrize("fusion", RULES)
def test_finite_logits_have_finite_scores(fusion: str) -> None:
    most = np.finfo(np.float32).max
    views = np.array([[[most, -most, 0], [most, -most, 0]]], np.float32)
    found = fuse(views, fusion)[0]
    assert np.isfinite(found).all()
    assert found[0] > found[2] > found[1] or (fusion == "probabilities" and found[0] == 0)


@pytest.mark.parametrize("fusion", RULES)
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_one_broken_logit_of_one_view_breaks_its_video_alone(fusion: str, broken: float) -> None:
    views = np.zeros((2, 2, 3), np.float32)
    views[1, 0, 2] = broken
    found = fuse(views, fusion)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
