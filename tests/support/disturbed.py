"""A network of attention with its disturber, what a cell makes of it, and what it leaves."""

import torch
from torch import nn

from signal_perception.noise import definitions
from signal_perception.noise.definitions import Cell
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturber
from tests.support.attention import LAYERS, Fused, fused_weights, network


def asked(component, pool, sigma, gamma, rho, kind="weights", layers=LAYERS) -> Cell:
    return definitions.cell(
        component, layers, pool=pool, sigma=sigma, gamma=gamma, rho=rho, kind=kind
    )


def fused(**options):
    model = network(Fused, options.pop("dtype", torch.float32))
    return model, Disturber(model, fused_weights(), Options(seed=0, **options))


def state(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def hash_of(disturber, cell, repeat=0):
    with disturber.disturbed(cell, repeat) as applied:
        return applied.sha256


def same_bits(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(*(each[k].reshape(-1).view(torch.uint8) for each in (one, other))) for k in one
    )


def difference(model, disturber, cell, repeat=0):
    """ΔW of every parameter that a cell changes."""
    clean = state(model)
    with disturber.disturbed(cell, repeat):
        noisy = state(model)
    return {k: noisy[k] - clean[k] for k in clean if not torch.equal(noisy[k], clean[k])}


def hooks(model: nn.Module) -> int:
    """Hooks on all modules."""
    return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules())
