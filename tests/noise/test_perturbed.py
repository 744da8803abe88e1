"""Any model with noise on weights inside a `with`, for notebooks."""

import pytest
import torch

from signal_perception.models.core import registry
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturber, perturbed
from signal_perception.pipeline.errors import UserError
from tests.models.contract import build, each_model
from tests.support.disturbed import asked, same_bits, state


@each_model
def test_any_model_is_disturbed_without_its_name(name):
    model = build(name)
    clean = state(model)
    components = registry.components(name, model)
    assert registry.components_of(model) == components
    for component, slices in components.items():
        named = Disturber(model, components, Options(seed=3))
        layers = len({piece.block for piece in slices})
        cell = asked(component, "all", 0.2, 0.45, 0.5, layers=layers)
        with perturbed(
            model, component, sigma=0.2, gamma=0.45, rho=0.5, repeat=1, seed=3
        ) as applied:
            noisy = state(model)
        assert same_bits(state(model), clean)
        with named.disturbed(cell, 1) as expected:
            assert same_bits(state(model), noisy)
        assert applied == expected
        assert not same_bits(noisy, clean)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"component": "conv"}, r"no component 'conv' .* choose one of .*spatial_attn\.v, "),
        ({"gamma": 1.3}, "gamma = 1.3"),
        ({"rho": -1}, "rho = -1"),
        ({"sigma": -1}, "sigma = -1"),
        ({"pool": "last"}, "all, front, middle, rear"),
        ({"component": "global_attn", "pool": "rear"}, r"rear third .* 2 layers"),
        ({"scale": "relative"}, "rel_fro"),
        ({"mask": "soft"}, "bernoulli"),
        ({"order": "none"}, "leading"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(changed, message):
    model = build("uniformer_v2")
    clean = state(model)
    setting = {"component": "spatial_attn.v", "sigma": 0.1} | changed
    with pytest.raises(UserError, match=message) as refused, perturbed(model, **setting):
        pass
    assert str(refused.value).endswith(".")
    assert same_bits(state(model), clean)


def test_a_model_of_somebody_else_is_refused():
    wrapped = torch.nn.Sequential(build("swin"))
    with (
        pytest.raises(UserError, match="Sequential is no model"),
        perturbed(wrapped, "mlp", sigma=0.1),
    ):
        pass
