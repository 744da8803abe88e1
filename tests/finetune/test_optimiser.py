"""Rates, weight decay and schedules of the parameters, against values worked out by hand."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from signal_perception.finetune import optimiser
from signal_perception.finetune.optimiser import Group
from signal_perception.finetune.settings import Recipe
from signal_perception.models.core import registry

VALUES: dict[str, Any] = {
    "epochs": 10,
    "batch": 8,
    "optimiser": "adamw",
    "lr": 0.001,
    "weight_decay": 0.05,
    "crop_area": (1.0, 1.0),
}
# Network numbers of models with the base architecture's layers, and little in them.
SMALL: Mapping[str, dict[str, Any]] = {
    "videomae_v1": {"embed_dim": 24, "heads": 3, "img_size": 32},
    "swin": {"embed_dim": 8, "heads": [1, 2, 4, 8], "depths": [2, 2, 18, 2]},
    "uniformer_v2": {"embed_dim": 24, "heads": 3, "img_size": 32},
}


def _recipe(**values: Any) -> Recipe:
    return Recipe.model_validate(VALUES | values)


def _model(name: str) -> nn.Module:
    with torch.device("meta"):
        return registry.build(name, 51, SMALL[name])


def _by_name(groups: list[Group]) -> dict[str, Group]:
    return {name: group for group in groups for name in group.names}


def test_every_parameter_is_in_one_group() -> None:
    for name in SMALL:
        model = _model(name)
        for values in ({}, {"layer_decay": 0.7}, {"no_decay": "nothing", "head_factor": 10.0}):
            groups = optimiser.groups(model, _recipe(**values))
            names = [name for group in groups for name in group.names]
            assert sorted(names) == sorted(name for name, _ in model.named_parameters())
            keys = [dataclasses.astuple(group)[:3] for group in groups]
            assert len(set(keys)) == len(keys)


def test_layer_decay_of_videomae_is_the_authors() -> None:
    """get_num_layer_for_vit: embeddings 0, block i i + 1, head and fc_norm 13; 0.7^(13 − layer)."""
    found = _by_name(optimiser.groups(_model("videomae_v1"), _recipe(layer_decay=0.7)))
    expected = {
        "patch_embed.proj.weight": (0, 0.7**13, 0.05),
        "patch_embed.proj.bias": (0, 0.7**13, 0.0),
        "blocks.0.joint_attn.attn.qkv.weight": (1, 0.7**12, 0.05),
        "blocks.0.joint_attn.norm.weight": (1, 0.7**12, 0.0),
        "blocks.5.mlp.mlp.fc1.bias": (6, 0.7**7, 0.0),
        "blocks.11.mlp.mlp.fc2.weight": (12, 0.7, 0.05),
        "fc_norm.weight": (13, 1.0, 0.0),
        "head.weight": (13, 1.0, 0.05),
        "head.bias": (13, 1.0, 0.0),
    }
    for name, (layer, scale, decay) in expected.items():
        group = found[name]
        assert (group.layer, group.weight_decay) == (layer, decay), name
        assert group.scale == pytest.approx(scale), name
    assert {group.layer for group in found.values()} == set(range(14))


def test_head_factor_and_undecayed_tables_of_swin() -> None:
    """mmaction2: the backbone at a tenth of the head's rate; no decay of norms and of tables."""
    model = _model("swin")
    found = _by_name(optimiser.groups(model, _recipe(head_factor=10.0, no_decay="norms")))
    scales = {name: group.scale for name, group in found.items()}
    assert {name for name, scale in scales.items() if scale == 10} == {"head.weight", "head.bias"}
    assert set(scales.values()) == {1.0, 10.0}
    undecayed = {name for name, group in found.items() if not group.weight_decay}
    by_hand = {
        name
        for name, _ in model.named_parameters()
        if "norm" in name or "relative_position_bias_table" in name
    }
    assert undecayed == by_hand
    assert "layers.2.blocks.17.mlp.mlp.fc1.bias" in found
    assert found["layers.2.blocks.17.mlp.mlp.fc1.bias"].weight_decay == 0.05


def test_what_does_not_decay_in_uniformer_v2() -> None:
    model = _model("uniformer_v2")
    found = _by_name(optimiser.groups(model, _recipe()))
    undecayed = {name for name, group in found.items() if not group.weight_decay}
    tables = {"class_embedding", "positional_embedding", "video_token", "balance"}
    for name, parameter in model.named_parameters():
        assert (name in undecayed) == (parameter.ndim <= 1 or name in tables), name
    assert tables <= set(found)
    decayed = _by_name(optimiser.groups(model, _recipe(no_decay="nothing")))
    assert {group.weight_decay for group in decayed.values()} == {0.05}


def _rates(length: int, **values: Any) -> list[list[float]]:
    """The rate of every group at each step of a run whose epochs have `length` steps."""
    recipe = _recipe(**values)
    model = registry.build("videomae_v1", 51, SMALL["videomae_v1"])
    optimised = optimiser.optimiser(model, recipe)
    schedule = optimiser.schedule(optimised, recipe, length)
    found = []
    for number in range(length * recipe.epochs):
        schedule.step_update(number)
        found.append([float(group["lr"]) for group in optimised.param_groups])
    return found


def test_a_cosine_after_a_warm_up_by_the_linear_rule() -> None:
    values = {"lr_batch": 32, "batch": 8, "warmup_epochs": 2.5, "warmup_lr": 0.0004}
    rates = [rate for rate, *_ in _rates(4, **values, min_lr=4e-5)]
    # a quarter of 32: 2.5e-4, from 1e-4, down to 1e-5
    assert rates[0] == pytest.approx(1e-4)
    assert rates[5] == pytest.approx((1e-4 + 2.5e-4) / 2)
    assert rates[10] == pytest.approx(2.5e-4)
    assert rates[25] == pytest.approx((2.5e-4 + 1e-5) / 2)
    last = 1e-5 + (2.5e-4 - 1e-5) * 0.5 * (1 + math.cos(math.pi * 29 / 30))
    assert rates[39] == pytest.approx(last)


def test_steps_come_at_the_beginning_of_their_epochs() -> None:
    rates = [rate for rate, *_ in _rates(3, schedule="steps", steps=(4, 8))]
    assert rates == pytest.approx([1e-3] * 12 + [1e-4] * 12 + [1e-5] * 6)
    warm = [rate for rate, *_ in _rates(3, schedule="steps", steps=(4, 8), warmup_epochs=1)]
    assert warm == pytest.approx([0, 1e-3 / 3, 2e-3 / 3, *rates[3:]])


def test_groups_follow_the_schedule_at_their_scales() -> None:
    recipe = _recipe(layer_decay=0.5, head_factor=3.0)
    model = registry.build("videomae_v1", 51, SMALL["videomae_v1"])
    scales = [group.scale for group in optimiser.groups(model, recipe)]
    assert min(scales) == 0.5**13
    assert max(scales) == 3.0
    for row in _rates(2, layer_decay=0.5, head_factor=3.0)[1::7]:
        base = row[scales.index(3.0)] / 3
        assert row == pytest.approx([base * scale for scale in scales])


def test_kinds_of_optimiser() -> None:
    model = nn.Linear(2, 2)
    model.classifier = "nothing"  # type: ignore[assignment]
    for name, kind, nesterov in (
        ("sgd", torch.optim.SGD, False),
        ("nesterov", torch.optim.SGD, True),
        ("adamw", torch.optim.AdamW, None),
    ):
        made = optimiser.optimiser(model, _recipe(optimiser=name))
        assert isinstance(made, kind)
        if nesterov is not None:
            assert made.defaults["nesterov"] is nesterov
            assert made.defaults["momentum"] == 0.9
