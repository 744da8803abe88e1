"""Weights moved up the loss: by the energy and at the places of the noise, of the clean model."""

import math

import pytest
import torch

from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturber
from signal_perception.pipeline.errors import UserError
from tests.support.attention import LAYERS, Fused, fused_weights, network
from tests.support.disturbed import asked, difference, hash_of, same_bits, state


def uphill(model, value=None) -> dict[str, torch.Tensor]:
    """A gradient of the toy's loss, drawn here, or the same number everywhere."""
    made = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(tensor.shape, generator=made) if value is None else tensor * 0 + value
        for name, tensor in state(model).items()
    }


def test_the_worst_case_has_the_energy_and_the_places_of_the_noise():
    model = network(Fused)
    gradient = uphill(model)
    disturber = Disturber(model, fused_weights(), Options(seed=0), gradient=lambda: gradient)
    noise = asked("spatial_attn", "all", 0.2, 0.45, 0.5)
    worst = asked("spatial_attn", "all", 0.2, 0.45, 0.5, "gradient")
    for repeat in range(3):
        random = difference(model, disturber, noise, repeat)
        up = difference(model, disturber, worst, repeat)
        assert disturber.blocks(noise, repeat) == disturber.blocks(worst, repeat)
        assert up.keys() == random.keys()
        steps = []
        for name in random:
            places = random[name] != 0
            assert torch.equal(up[name] != 0, places)
            steps.append(up[name][places] / gradient[name][places])
        step = torch.cat(steps)
        # along the gradient, everywhere as far
        assert step.min() > 0
        assert torch.allclose(step, step.mean(), rtol=1e-3)
        assert norm(up) == pytest.approx(norm(random), rel=1e-5)
    assert disturber.relative_amplitude(worst) == disturber.relative_amplitude(noise)


def norm(changes) -> float:
    return math.sqrt(sum(float(change.double().square().sum()) for change in changes.values()))


def test_the_gradient_is_computed_once_of_the_clean_model_and_only_if_needed():
    model, calls = network(Fused), []
    clean = state(model)

    def gradient():
        calls.append(same_bits(state(model), clean))
        return uphill(model)

    disturber = Disturber(model, fused_weights(), Options(seed=0), gradient=gradient)
    assert hash_of(disturber, asked("q", "all", 0.2, 0.45, 1))
    assert hash_of(disturber, asked("q", "all", 0.0, 0.45, 1, "gradient")) == ""
    assert calls == []
    first = hash_of(disturber, asked("q", "all", 0.2, 0.45, 1, "gradient"))
    assert first != hash_of(disturber, asked("q", "all", 0.2, 0.45, 1, "gradient"), 1)
    assert first == hash_of(disturber, asked("q", "all", 0.2, 0.45, 1, "gradient"))
    assert calls == [True]


def test_a_gradient_of_any_length_is_a_direction_alone():
    model = network(Fused)
    cell = asked("v", "all", 0.2, 0.45, 1, "gradient")

    def digest(length: float) -> str:
        long = {name: length * value for name, value in uphill(model).items()}
        disturber = Disturber(model, fused_weights(), Options(seed=0), gradient=lambda: long)
        return hash_of(disturber, cell)

    assert digest(2.0**-60) == digest(1.0) == digest(2.0**60)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_gradient_that_says_no_way_up_is_refused(value):
    model = network(Fused)
    clean = state(model)
    disturber = Disturber(
        model, fused_weights(), Options(seed=0), gradient=lambda: uphill(model, torch.tensor(value))
    )
    cell = asked("v", "all", 0.2, 0.45, 1, "gradient")
    with (
        pytest.raises(UserError, match=r"'v'.*norm.*worst_case to false"),
        disturber.disturbed(cell, 0),
    ):
        pass
    assert same_bits(state(model), clean)


def test_no_element_reached_is_no_change_whatever_the_gradient():
    model = network(Fused)
    clean = state(model)
    disturber = Disturber(model, fused_weights(), Options(seed=0), gradient=lambda: uphill(model))
    for kind in ("weights", "gradient"):
        # a hundredth of 36
        with disturber.disturbed(asked("v", "all", 0.2, 0.01, 1, kind), 0) as applied:
            assert same_bits(state(model), clean)
        assert len(applied.blocks) == LAYERS
