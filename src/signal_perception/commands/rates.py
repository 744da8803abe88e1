"""How fast each parameter of a model learns under a recipe, and how that changes by epoch."""

import re
from collections.abc import Iterator
from typing import Any

import torch

from signal_perception.finetune import optimiser
from signal_perception.inference import networks
from signal_perception.models.core import registry

# Any number will do: the head is told by its name.
_CLASSES = 51
# Steps of an epoch, for the rates between two; no rate at an epoch's beginning depends on it.
_STEPS = 100


def groups(model: str, entry: Any) -> Iterator[dict[str, Any]]:
    """The groups of parameters that learn alike, from the stem to the head.

    layer: with layer decay, from 0. rate: the highest one. parameters: numbers of tensors and of
    values. names: of the tensors, numbers of blocks as *.
    """
    registry.module(model)
    network = networks.outline(model, entry.network, _CLASSES)
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    for group in optimiser.groups(network, entry.recipe):
        yield {
            "layer": group.layer,
            "scale": group.scale,
            "rate": entry.recipe.lr * entry.recipe.rate * group.scale,
            "weight_decay": group.weight_decay,
            "tensors": len(group.names),
            "values": sum(sizes[name] for name in group.names),
            "names": sorted({re.sub(r"\d+", "*", name) for name in group.names}),
        }


def by_epoch(recipe: Any) -> list[float]:
    """The rate at the beginning of each epoch, where nothing scales it."""
    one = torch.nn.Linear(1, 1)
    rate = recipe.lr * recipe.rate
    sgd = torch.optim.SGD(one.parameters(), lr=rate)
    schedule = optimiser.schedule(sgd, recipe, _STEPS)
    found = []
    for epoch in range(recipe.epochs):
        schedule.step_update(epoch * _STEPS)
        found.append(float(sgd.param_groups[0]["lr"]))
    return found
