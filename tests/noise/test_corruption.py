"""The gradient of the loss, and that a step along it is the worst small change there is."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from signal_perception.models.core import registry
from signal_perception.noise.corruption import loss_gradient
from signal_perception.noise.definitions import cell
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturber
from tests.models.contract import CLASSES, build, clips


class Linear(nn.Module):
    """Logits that are linear in the mean frame: its gradient is known."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.norm = nn.BatchNorm3d(3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(3, 4, bias=False)
        self.idle = nn.Linear(2, 2)

    def forward(self, clip):
        return self.head(self.drop(self.norm(clip).mean((2, 3, 4))))


def pictures(count=7):
    made = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, 2, 4, 4, generator=made)
    return images, torch.arange(count) % 4


def batches(size, count=7):
    images, labels = pictures(count)
    return list(zip(images.split(size), labels.split(size)))


def test_the_gradient_is_that_of_the_mean_cross_entropy():
    model = Linear()
    images, labels = pictures()
    x = images.mean((2, 3, 4)) / math.sqrt(1 + 1e-5)
    wrong = torch.softmax(x @ model.head.weight.detach().T, 1) - torch.eye(4)[labels]
    expected = wrong.T @ x / len(x)
    for size in (1, 3, 7):
        found = loss_gradient(model, ["head.weight", "idle.weight"], batches(size))
        assert found["head.weight"].dtype == torch.float32
        assert torch.allclose(found["head.weight"], expected, atol=1e-6)
        assert not found["idle.weight"].any()


def test_the_model_is_left_as_it_was():
    model = Linear().train()
    model.norm.eval()
    model.head.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss_gradient(model, ["head.weight"], batches(3))
    with pytest.raises(ZeroDivisionError):
        loss_gradient(model, ["head.weight"], (batches(1)[1 // 0] for _ in range(3)))
    assert [module.training for module in (model, model.norm, model.drop)] == [True, False, True]
    assert not model.head.weight.requires_grad
    assert model.idle.weight.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_it_is_float32_whoever_calls():
    """Within inference mode, without gradients and under autocast: the same numbers."""
    model = Linear()
    expected = loss_gradient(model, ["head.weight"], batches(3))["head.weight"]

    def lazily():
        for size in (3, 3, 1):
            images, labels = rest[:size], answers[:size]
            del rest[:size], answers[:size]
            yield torch.stack(images), torch.stack(labels)

    for context in (torch.inference_mode(), torch.no_grad(), torch.autocast("cpu", torch.bfloat16)):
        rest, answers = ([*part] for part in pictures())
        with context:
            found = loss_gradient(model, ["head.weight"], lazily())["head.weight"]
        assert torch.equal(found, expected)
        assert not found.requires_grad


def test_no_clips_is_an_error():
    with pytest.raises(ValueError, match="needs clips"):
        loss_gradient(Linear(), ["head.weight"], [])


@pytest.mark.parametrize(
    ("name", "component"), [("timesformer_divided", "spatial_attn"), ("i3d", "conv")]
)
def test_the_loss_rises_along_it_as_calculus_says_and_hardly_with_noise(name, component):
    model = build(name)
    images, labels = clips(name, batch=4), torch.arange(4) % CLASSES
    components = registry.components(name, model)
    names = {piece.parameter for piece in components[component]}
    gradient = loss_gradient(model, names, [(images, labels)])
    options = Options(seed=0, scale="rel_fro")
    disturber = Disturber(model, components, options, gradient=lambda: gradient)
    layers = len({piece.block for piece in components[component]})

    @torch.inference_mode()
    def loss() -> float:
        return float(cross_entropy(model(images).double(), labels))

    def rises(kind: str, repeats: int) -> list[float]:
        found = []
        asked = cell(component, layers, sigma=3e-4, gamma=0.45, rho=0.5, kind=kind)
        for repeat in range(repeats):
            with disturber.disturbed(asked, repeat):
                rise = loss() - clean
            found.append(rise / reach(asked, repeat))
        return found

    def reach(asked, repeat) -> float:
        """The norm of the gradient at the places reached times the norm of ΔW."""
        clean = {each: model.get_parameter(each).detach().clone() for each in names}
        with disturber.disturbed(asked, repeat):
            change = {each: model.get_parameter(each).detach() - clean[each] for each in names}
        slope = sum(float(gradient[each][change[each] != 0].square().sum()) for each in names)
        return math.sqrt(slope * sum(float(each.square().sum()) for each in change.values()))

    clean = loss()
    assert rises("gradient", 3) == pytest.approx([1] * 3, rel=0.1)
    random = rises("weights", 12)
    # the cosine between noise and gradient: of either sign, and small
    assert min(random) < 0 < max(random)
    assert np.abs(random).max() < 0.1
