"""What every model promises of its weights and network numbers."""

import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from signal_perception.models.core import checkpoints, registry
from signal_perception.pipeline.errors import UserError
from tests.models.contract import (
    CLASSES,
    build,
    clips,
    described,
    each_model,
    each_size,
    same,
    shared_model,
    states,
)

# isort: split
# after the models, which let timm import torchvision
from timm.optim._param_groups import param_groups_layer_decay

pytestmark = pytest.mark.usefixtures("one_thread")


@each_model
def test_weights_of_a_block_act_in_the_segment_of_that_block(name: str) -> None:
    model, clip = build(name), clips(name)
    with torch.inference_mode():
        clean = list(states(name, model, clip))
    blocks = [step.block for step in registry.segments(name, model)]
    for slices in registry.components(name, model).values():
        for piece in slices:
            parameter = model.get_parameter(piece.parameter)
            before = parameter.detach().clone()
            with torch.inference_mode():
                parameter[piece.start : piece.stop] *= 1.5
                disturbed = list(states(name, model, clip))
                parameter.copy_(before)
            where = blocks.index(piece.block)
            for boundary, (one, other) in enumerate(zip(clean, disturbed)):
                assert same(one, other) is (boundary <= where), (piece, boundary)


@each_model
def test_weights_name_parts_of_matrices_that_do_not_overlap(name: str) -> None:
    model = shared_model(name)
    parts = registry.components(name, model)
    blocks = {tap.block for tap in registry.taps(name, model)}
    for component, slices in parts.items():
        assert [piece.block for piece in slices] == sorted(piece.block for piece in slices), (
            component
        )
        rows = Counter(
            (piece.parameter, row) for piece in slices for row in range(piece.start, piece.stop)
        )
        assert set(rows.values()) == {1}, component
        for piece in slices:
            shape = model.get_parameter(piece.parameter).shape
            assert len(shape) >= 2, piece
            assert 0 <= piece.start < piece.stop <= shape[0], piece
            assert piece.block in blocks, piece
    for letter in "qkv":
        single = {
            piece for key, slices in parts.items() if key.endswith(f".{letter}") for piece in slices
        }
        assert set(parts.get(letter, [])) == single
    for attention in {key.rpartition(".")[0] for key in parts if key.endswith(".q")}:
        counts = Counter()
        for piece in parts[attention]:
            counts[piece.parameter] += piece.stop - piece.start
        for parameter, count in counts.items():
            assert count == model.get_parameter(parameter).shape[0], parameter
        letters = (parts[f"{attention}.{letter}"] for letter in "qkv")
        assert set(parts[attention]) == {piece for slices in letters for piece in slices}


@each_size
def test_saved_and_loaded_gives_the_same_logits(name: str, size: str, tmp_path: Path) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    checkpoints.save(model, tmp_path / "one.safetensors")
    torch.manual_seed(7)
    other = registry.build(name, CLASSES, described(name, size)[0]).eval()
    with torch.inference_mode():
        assert not torch.equal(other(clip), model(clip))
        assert registry.load(name, other, tmp_path / "one.safetensors") == []
        assert torch.equal(other(clip), model(clip))
    checkpoints.save(other, tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two.safetensors"
    ).read_bytes()


@each_model
def test_a_head_of_another_size_is_set_aside(name: str, tmp_path: Path) -> None:
    model = shared_model(name)
    checkpoints.save(model, tmp_path / "weights.safetensors")
    other = registry.build(name, CLASSES + 2, described(name)[0])
    before = {key: value.clone() for key, value in other.state_dict().items()}
    aside = registry.load(name, other, tmp_path / "weights.safetensors")
    assert aside == [key for key in model.state_dict() if key.startswith(f"{model.classifier}.")]
    for key, value in other.state_dict().items():
        assert torch.equal(value, before[key] if key in aside else model.state_dict()[key]), key


@each_model
@pytest.mark.parametrize("damage", ["dropped", "renamed", "misshapen", "added"])
def test_weights_that_do_not_fit_are_refused_by_name(name: str, damage: str) -> None:
    model = build(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = {key: value + 1 for key, value in before.items()}
    head = f"{model.classifier}."
    key = next(key for key in state if state[key].ndim > 1 and not key.startswith(head))
    value = state[key]
    if damage in ("dropped", "renamed"):
        del state[key]
    if damage in ("renamed", "added"):
        state["blocks.x.weight"] = value
    if damage == "misshapen":
        state[key] = value[..., :-1]
    missing = rf"1 missing \({re.escape(key)}\)"
    unexpected = r"1 unexpected \(blocks\.x\.weight\)"
    named = {
        "dropped": rf"do not fit {name}: {missing}; use weights of this model, .*\.$",
        "renamed": rf"do not fit {name}: {missing}; {unexpected}; use weights of this model, .*\.$",
        "misshapen": rf"do not fit {name}: {re.escape(key)} has \(.*; use the network .*\.$",
        "added": rf"do not fit {name}: {unexpected}; use weights of this model, .*\.$",
    }
    with pytest.raises(UserError, match=named[damage]):
        checkpoints.load(model, registry.module(name).from_checkpoint(state), name)
    # all or nothing
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@each_model
def test_an_unknown_network_number_is_refused_by_name(name: str) -> None:
    known = ", ".join(registry.numbers(name))
    message = rf"^Model {name} has no network number 'colour': choose among {known}\.$"
    with pytest.raises(UserError, match=message):
        registry.build(name, CLASSES, {**described(name)[0], "colour": 3})


@each_model
def test_a_network_number_of_the_wrong_type_is_refused_by_name(name: str) -> None:
    for key, value in described(name)[0].items():
        for wrong in ("many", None, [1, "2", 3], 1 if isinstance(value, bool) else True):
            message = rf"^Network number '{key}' of {name} is .*: give .*, for instance .*\.$"
            with pytest.raises(UserError, match=message):
                registry.build(name, CLASSES, {key: wrong})


@each_model
def test_layer_wise_rates_rise_with_the_depth(name: str) -> None:
    """Fine-tuning with layer decay: the stem slowest, later blocks quicker, the head at full rate.

    Every parameter is in one group.
    """
    model = build(name)
    groups = param_groups_layer_decay(
        model, weight_decay=0.1, no_weight_decay_list=no_decay(model), layer_decay=0.5
    )
    scale = {id(each): group["lr_scale"] for group in groups for each in group["params"]}
    decay = {id(each): group["weight_decay"] for group in groups for each in group["params"]}
    parameters = dict(model.named_parameters())
    assert len(scale) == sum(len(group["params"]) for group in groups) == len(parameters)
    by_block: dict[int, set[float]] = {}
    for piece in registry.weights(name, model):
        by_block.setdefault(piece.block, set()).add(scale[id(parameters[piece.parameter])])
    assert all(len(scales) == 1 for scales in by_block.values())
    rates = [scales.pop() for _, scales in sorted(by_block.items())]
    assert rates == sorted(set(rates))
    head = [key for key in parameters if key.startswith(f"{model.classifier}.")]
    assert all(scale[id(parameters[key])] == 1.0 for key in head)
    assert min(scale.values()) < rates[0]
    assert all(decay[id(parameters[key])] == 0 for key in no_decay(model) & set(parameters))


def no_decay(model: torch.nn.Module) -> set[str]:
    """Parameters that the model wants left out of weight decay; empty where it names none."""
    named = getattr(model, "no_weight_decay", None)
    return named() if named else set()
