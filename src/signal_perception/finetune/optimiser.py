"""The optimiser and its schedule: which parameter learns at which rate, and which ones decay."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from signal_perception.pipeline import torchvision_shim  # noqa: F401 — before any import of timm

# isort: split
from timm.models import group_parameters
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.multistep_lr import MultiStepLRScheduler
from timm.scheduler.scheduler import Scheduler

from signal_perception.finetune.settings import Recipe

_MOMENTUM = 0.9
_TABLES = "relative_position_bias_table"


@dataclass(frozen=True)
class Group:
    """Parameters that learn alike.

    layer: from the stem, 0, to the head; None without layer decay. scale: of the rate. names: of
    the parameters, in the model's order.
    """

    layer: int | None
    scale: float
    weight_decay: float
    names: tuple[str, ...]


def groups(model: nn.Module, recipe: Recipe) -> list[Group]:
    """The parameters of a model by rate and weight decay, in the order of their first members.

    With layer decay d, the head and what lies between it and the last block learn at the full rate,
    and each layer before at d times that of the next (BEiT's rule); the head's factor comes on top.
    """
    layers = _layers(model) if recipe.layer_decay is not None else {}
    last = max(layers.values(), default=0)
    head = f"{model.classifier}."
    undecayed = _undecayed(model, recipe.no_decay)
    found: dict[tuple[int | None, float, float], list[str]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        layer = layers.get(name)
        scale = 1.0 if layer is None else float(recipe.layer_decay or 1) ** (last - layer)
        if name.startswith(head):
            scale *= recipe.head_factor
        weight_decay = 0.0 if name in undecayed else recipe.weight_decay
        found.setdefault((layer, scale, weight_decay), []).append(name)
    return [Group(*key, tuple(names)) for key, names in found.items()]


def optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9, with or without Nesterov's look ahead."""
    parameters = dict(model.named_parameters())
    parts = [
        {
            "params": [parameters[name] for name in group.names],
            "weight_decay": group.weight_decay,
            "lr_scale": group.scale,
        }
        for group in groups(model, recipe)
    ]
    rate = recipe.lr * recipe.rate
    # foreach: the same bits in fewer calls; what a GPU does by default
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(parts, lr=rate, foreach=True)
    nesterov = recipe.optimiser == "nesterov"
    return torch.optim.SGD(parts, lr=rate, momentum=_MOMENTUM, nesterov=nesterov, foreach=True)


def schedule(optimised: torch.optim.Optimizer, recipe: Recipe, steps: int) -> Scheduler:
    """The rate at each step, `steps` of them an epoch; call its `step_update(number)`.

    After a linear warm-up: a cosine down to `min_lr`, or a tenth from each epoch of `steps` on.
    """
    warmup = round(recipe.warmup_epochs * steps)
    start = recipe.warmup_lr * recipe.rate
    if recipe.schedule == "steps":
        return MultiStepLRScheduler(
            optimised,
            # timm's milestones come into force one step early
            decay_t=[epoch * steps + 1 for epoch in recipe.steps],
            decay_rate=0.1,
            warmup_t=warmup,
            warmup_lr_init=start,
            warmup_prefix=False,
            t_in_epochs=False,
        )
    return CosineLRScheduler(
        optimised,
        t_initial=max(recipe.epochs * steps - warmup, 1),
        lr_min=recipe.min_lr * recipe.rate,
        warmup_t=warmup,
        warmup_lr_init=start,
        warmup_prefix=True,
        t_in_epochs=False,
    )


def _layers(model: nn.Module) -> Mapping[str, int]:
    return group_parameters(model, model.group_matcher(), reverse=True)  # type: ignore[operator]


def _undecayed(model: nn.Module, rule: str) -> set[str]:
    """Names of the parameters without weight decay, see `settings.Recipe.no_decay`."""
    named = dict(model.named_parameters())
    if rule == "nothing":
        return set()
    if rule == "norms":
        norms = (nn.LayerNorm, nn.modules.batchnorm._BatchNorm)
        of_norms = {
            f"{path}.{name}"
            for path, module in model.named_modules()
            if isinstance(module, norms)
            for name, _ in module.named_parameters(recurse=False)
        }
        return of_norms | {name for name in named if name.endswith(_TABLES)}
    own = model.no_weight_decay() if hasattr(model, "no_weight_decay") else set()  # type: ignore[operator]
    vectors = {name for name, each in named.items() if each.ndim <= 1 or name.endswith(".bias")}
    return vectors | set(own)
