"""What every model promises of its weights and network numbers."""

import re
from collections import Counter
from pathlib import Path

import pytest
import torch
from test_models_contract import (
    CLASSES,
    NETWORKS,
    build,
    clips,
    described,
    each_model,
    each_size,
    one_thread,
    same,
    shared_model,
    states,
)

from signal_perception import models
from signal_perception.errors import UserError
from signal_perception.models import checkpoints  # before timm, which needs torchvision

# isort: split
from timm.optim._param_groups import param_groups_layer_decay

__all__ = ["one_thread"]  # a fixture: used by being here


@each_model
def test_weights_of_a_block_act_in_the_segment_of_that_block(name: str) -> None:
    model, clip = build(name), clips(name)
    with torch.inference_mode():
        clean = list(states(name, model, clip))
    blocks = [step.block for step in models.segments(name, model)]
    for slices in models.components(name, model).values():
        for piece in slices:
            parameter = model.get_parameter(piece.parameter)
            kept = parameter.detach().clone()
            with torch.inference_mode():
                parameter[piece.start : piece.stop] *= 1.5
                disturbed = list(states(name, model, clip))
                parameter.copy_(kept)
            where = blocks.index(piece.block)
            for before, (one, other) in enumerate(zip(clean, disturbed)):
                assert same(one, other) is (before <= where), (piece, before)


@each_model
def test_weights_name_parts_of_matrices_that_do_not_overlap(name: str) -> None:
    model = shared_model(name)
    parts = models.components(name, model)
    blocks = {tap.block for tap in models.taps(name, model)}
    for component, slices in parts.items():
        assert [piece.block for piece in slices] == sorted(piece.block for piece in slices), component
        rows = Counter((piece.parameter, row) for piece in slices for row in range(piece.start, piece.stop))
        assert set(rows.values()) == {1}, component
        for piece in slices:
            shape = model.get_parameter(piece.parameter).shape
            assert len(shape) >= 2, piece
            assert 0 <= piece.start < piece.stop <= shape[0], piece
            assert piece.block in blocks, piece
    for union, own in (("q", "q"), ("k", "k"), ("v", "v")):
        single = [piece for key, slices in parts.items() if key.endswith(f".{own}") for piece in slices]
        assert set(parts.get(union, [])) == set(single)
    for attention in {key.rpartition(".")[0] for key in parts if key.endswith(".q")}:
        whole = Counter()
        for piece in parts[attention]:
            whole[piece.parameter] += piece.stop - piece.start
        for parameter, count in whole.items():
            assert count == model.get_parameter(parameter).shape[0], parameter
        assert set(parts[attention]) == {piece for letter in "qkv" for piece in parts[f"{attention}.{letter}"]}


@each_model
@each_size
def test_saved_and_loaded_gives_the_same_logits(name: str, size: str, tmp_path: Path) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    checkpoints.save(model, tmp_path / "one.safetensors")
    torch.manual_seed(7)
    other = models.build(name, CLASSES, described(name, size)[0]).eval()
    with torch.inference_mode():
        assert not torch.equal(other(clip), model(clip))
        assert models.load(name, other, tmp_path / "one.safetensors") == []
        assert torch.equal(other(clip), model(clip))
    checkpoints.save(other, tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


@each_model
def test_a_head_of_another_size_is_set_aside(name: str, tmp_path: Path) -> None:
    model = shared_model(name)
    checkpoints.save(model, tmp_path / "weights.safetensors")
    other = models.build(name, CLASSES + 2, NETWORKS[name][0])
    before = {key: value.clone() for key, value in other.state_dict().items()}
    aside = models.load(name, other, tmp_path / "weights.safetensors")
    assert aside == [key for key in model.state_dict() if key.startswith(f"{model.classifier}.")]
    for key, value in other.state_dict().items():
        assert torch.equal(value, before[key] if key in aside else model.state_dict()[key]), key


@each_model
@pytest.mark.parametrize("damage", ["dropped", "renamed", "misshapen", "added"])
def test_weights_that_do_not_fit_are_refused_by_name(name: str, damage: str) -> None:
    model = build(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = {key: value + 1 for key, value in before.items()}
    key = next(key for key, value in state.items() if value.ndim > 1 and not key.startswith(f"{model.classifier}."))
    value = state[key]
    if damage in ("dropped", "renamed"):
        del state[key]
    if damage in ("renamed", "added"):
        state["blocks.x.weight"] = value
    if damage == "misshapen":
        state[key] = value[..., :-1]
    named = {
        "dropped": rf"{name}: 1 missing \({re.escape(key)}\)",
        "renamed": rf"{name}: 1 missing \({re.escape(key)}\); 1 unexpected \(blocks\.x\.weight\)",
        "misshapen": rf"{name}: {re.escape(key)} has \(",
        "added": rf"{name}: 1 unexpected \(blocks\.x\.weight\)",
    }
    with pytest.raises(UserError, match=named[damage]):
        checkpoints.load(model, models.module(name).from_checkpoint(state), name)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())  # all or nothing


@each_model
def test_an_unknown_network_number_is_refused_by_name(name: str) -> None:
    with pytest.raises(
        UserError, match=rf"{name} has no network number 'colour': it has .*{next(iter(NETWORKS[name][0]))}"
    ):
        models.build(name, CLASSES, {**NETWORKS[name][0], "colour": 3})


@each_model
def test_a_network_number_of_the_wrong_type_is_refused_by_name(name: str) -> None:
    for key, value in NETWORKS[name][0].items():
        for wrong in ("many", None, [1, "2", 3], 1 if isinstance(value, bool) else True):
            with pytest.raises(UserError, match=rf"network number '{key}' of {name} is "):
                models.build(name, CLASSES, {key: wrong})


@each_model
def test_layer_wise_rates_rise_with_the_depth(name: str) -> None:
    """Fine-tuning with layer decay: every parameter in one group, the stem slowest, later blocks quicker, the head at the full rate."""
    model = build(name)
    groups = param_groups_layer_decay(model, weight_decay=0.1, no_weight_decay_list=no_decay(model), layer_decay=0.5)
    scale = {id(parameter): group["lr_scale"] for group in groups for parameter in group["params"]}
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    parameters = dict(model.named_parameters())
    assert len(scale) == sum(len(group["params"]) for group in groups) == len(parameters)
    by_block: dict[int, set[float]] = {}
    for piece in models.weights(name, model):
        by_block.setdefault(piece.block, set()).add(scale[id(parameters[piece.parameter])])
    assert all(len(scales) == 1 for scales in by_block.values())
    rates = [scales.pop() for _, scales in sorted(by_block.items())]
    assert rates == sorted(set(rates))
    head = [value for key, value in parameters.items() if key.startswith(f"{model.classifier}.")]
    assert all(scale[id(value)] == 1.0 for value in head)
    assert min(scale.values()) < rates[0]
    assert all(decay[id(parameters[key])] == 0 for key in no_decay(model) & set(parameters))


def no_decay(model: torch.nn.Module) -> set[str]:
    """Parameters that the model wants left out of weight decay; empty where it names none."""
    return model.no_weight_decay() if hasattr(model, "no_weight_decay") else set()
