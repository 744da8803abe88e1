"""A disturbed model: what the noise reaches, and that it leaves no trace."""

import math

import numpy as np
import pytest
import torch

from signal_perception.noise import definitions, perturbation
from signal_perception.noise.definitions import Cell
from signal_perception.noise.perturbation import Disturber
from signal_perception.pipeline.errors import UserError
from tests.support.attention import (
    LAYERS,
    WIDTH,
    Fused,
    Separate,
    fused_weights,
    network,
    separate_weights,
)


def fused(**options):
    model = network(Fused, options.pop("dtype", torch.float32))
    return model, Disturber(model, fused_weights(), seed=0, **options)


def state(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same_bits(one, other):
    return one.keys() == other.keys() and all(
        one[k].numpy().tobytes() == other[k].numpy().tobytes() for k in one
    )


def difference(model, disturber, cell, repeat=0):
    """ΔW of every parameter that a cell changes."""
    clean = state(model)
    with disturber.disturbed(cell, repeat):
        noisy = state(model)
    return {k: noisy[k] - clean[k] for k in clean if not torch.equal(noisy[k], clean[k])}


def test_fused_and_separate_projections_receive_the_same_noise():
    joint, apart = network(Fused), network(Separate)
    with torch.no_grad():
        for one, other in zip(joint.attentions, apart.attentions):
            for j, part in enumerate("qkv"):
                getattr(other, part).weight.copy_(one.qkv.weight[j * WIDTH : (j + 1) * WIDTH])
    for component in ("q", "v", "spatial_attn"):
        cell = Cell(component, "middle", 0.3, 0.45, 0.5)
        with (
            Disturber(joint, fused_weights(), seed=0, scale="rel_std").disturbed(cell, 2) as one,
            Disturber(apart, separate_weights(), seed=0, scale="rel_std").disturbed(
                cell, 2
            ) as other,
        ):
            for a, b in zip(joint.attentions, apart.attentions):
                assert torch.equal(a.qkv.weight, torch.cat([b.q.weight, b.k.weight, b.v.weight]))
        assert one == other


def test_a_union_gives_each_part_the_noise_it_gets_alone():
    model, disturber = fused()
    union = difference(model, disturber, Cell("spatial_attn", "all", 0.2, 0.25, 1))
    for j, part in enumerate("qkv"):
        rows = slice(j * WIDTH, (j + 1) * WIDTH)
        alone = difference(model, disturber, Cell(part, "all", 0.2, 0.25, 1))
        assert alone.keys() == union.keys()
        for name, change in alone.items():
            assert torch.equal(change[rows], union[name][rows])
            # a quarter of 36
            assert torch.count_nonzero(change) == torch.count_nonzero(change[rows]) == 9


def test_only_the_chosen_blocks_change_and_biases_never():
    model, disturber = fused()
    cell = Cell("proj", "rear", 0.2, 0.5, 0.5)
    blocks = disturber.blocks(cell, 3)
    assert len(blocks) == 1
    assert blocks[0] in (4, 5)
    assert difference(model, disturber, cell, 3).keys() == {
        f"blocks.{b}.proj.weight" for b in blocks
    }
    everything = difference(model, disturber, Cell("spatial_attn", "all", 0.2, 1, 1))
    assert everything.keys() == {f"blocks.{b}.qkv.weight" for b in range(LAYERS)}


def test_q_k_and_v_are_disturbed_in_the_same_layers():
    _, disturber = fused()
    for repeat in range(5):
        assert (
            len({disturber.blocks(Cell(part, "all", 0.1, 0.5, 0.5), repeat) for part in "qkv"}) == 1
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_clean_weights_come_back_bit_for_bit(dtype):
    model, disturber = fused(dtype=dtype)
    clean = {name: tensor.view(torch.int16) for name, tensor in state(model).items()}
    for repeat in range(3):
        with disturber.disturbed(Cell("spatial_attn", "all", 0.3, 0.85, 1), repeat):
            assert not torch.equal(
                model.attentions[0].qkv.weight.view(torch.int16), clean["blocks.0.qkv.weight"]
            )
        assert same_bits(
            {name: tensor.view(torch.int16) for name, tensor in state(model).items()}, clean
        )


def test_the_clean_weights_come_back_after_an_exception():
    model, disturber = fused()
    clean = state(model)
    with pytest.raises(ZeroDivisionError), disturber.disturbed(Cell("v", "all", 0.3, 1, 1), 0):
        _ = 1 / 0
    assert same_bits(state(model), clean)
    # and the model can be disturbed again
    with disturber.disturbed(Cell("v", "all", 0.3, 1, 1), 0):
        assert not same_bits(state(model), clean)


def test_the_clean_weights_come_back_when_adding_fails_half_way(monkeypatch):
    model, disturber = fused()
    clean, calls, change = state(model), [], definitions.change

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise MemoryError
        return change(*arguments)

    monkeypatch.setattr(perturbation, "change", failing)
    with pytest.raises(MemoryError), disturber.disturbed(Cell("v", "all", 0.3, 1, 1), 0):
        pass
    assert same_bits(state(model), clean)


@pytest.mark.parametrize("zero", ["sigma", "gamma", "rho"])
def test_no_noise_is_the_clean_model_bit_for_bit(zero):
    model, disturber = fused()
    clean = state(model)
    setting = {"sigma": 0.2, "gamma": 0.5, "rho": 0.5, zero: 0.0}
    with disturber.disturbed(Cell("spatial_attn", "all", **setting), 0) as applied:
        assert same_bits(state(model), clean)
    assert applied.blocks == ()


def test_elements_outside_the_mask_keep_their_bits():
    """−0 stays −0, and float64 weights keep what float32 cannot hold."""
    model, disturber = fused(dtype=torch.float64)
    clean = state(model)["blocks.0.qkv.weight"]
    change = difference(model, disturber, Cell("q", "all", 0.2, 0.25, 1))["blocks.0.qkv.weight"]
    with disturber.disturbed(Cell("q", "all", 0.2, 0.25, 1), 0):
        noisy = model.attentions[0].qkv.weight.detach()
        unchanged = change == 0
        assert torch.equal(noisy[unchanged].view(torch.int64), clean[unchanged].view(torch.int64))
        assert unchanged.sum() == 3 * WIDTH * WIDTH - 9


def test_one_cell_at_a_time():
    model, disturber = fused()
    clean = state(model)
    cell = Cell("v", "all", 0.3, 1, 1)
    with disturber.disturbed(cell, 0):
        with pytest.raises(RuntimeError, match="disturbed already"), disturber.disturbed(cell, 1):
            pass
        assert not same_bits(state(model), clean)
    assert same_bits(state(model), clean)


def test_noise_of_a_stronger_cell_is_the_same_noise_scaled():
    model, disturber = fused()
    weak = difference(model, disturber, Cell("v", "all", 0.125, 0.25, 0.5))
    strong = difference(model, disturber, Cell("v", "all", 0.25, 0.85, 1))
    for name, change in weak.items():
        reached = change != 0
        assert torch.allclose(2 * change[reached], strong[name][reached], atol=1e-6)


def test_the_order_of_cells_and_repeats_does_not_matter():
    cells = [Cell("q", "front", 0.1, 0.45, 1), Cell("spatial_attn", "all", 0.2, 0.25, 0.5)]
    tasks = [(cell, repeat) for cell in cells for repeat in (0, 1)]
    _, forward = fused()
    _, backward = fused()

    def digest(disturber, cell, repeat):
        with disturber.disturbed(cell, repeat) as applied:
            return applied.sha256

    one = {task: digest(forward, *task) for task in tasks}
    other = {task: digest(backward, *task) for task in reversed(tasks)}
    assert one == other
    assert len(set(one.values())) == len(tasks)


def test_the_noise_is_the_recorded_one():
    """Computed once: results of machines and releases are comparable while this holds."""
    _, disturber = fused()
    with disturber.disturbed(Cell("spatial_attn", "middle", 0.2, 0.45, 0.5), 1) as applied:
        assert applied.sha256 == "a1344f4ec00cdf3d1608efe094876c3af4458b722ad98b8e37afe099d5b595f4"
    drawn = definitions.draw(4, seed=0, repeat=0, address="blocks.3.attn", part="q")
    assert drawn.values == pytest.approx([0.4779748, 1.0459883, -0.47363609, 0.24812390], abs=1e-7)
    assert list(drawn.score) == [3, 1, 0, 2]


@pytest.mark.parametrize("scale", definitions.SCALES)
def test_kappa_is_the_amplitude_of_the_noise_relative_to_the_weights(scale):
    model, disturber = fused(scale=scale)
    cell = Cell("spatial_attn", "all", 0.4, 0.45, 1)
    energy = [
        sum(float(c.square().sum()) for c in difference(model, disturber, cell, repeat).values())
        for repeat in range(40)
    ]
    weights = sum(float(block.qkv.weight.detach().square().sum()) for block in model.attentions)
    assert disturber.relative_amplitude(cell) == pytest.approx(
        math.sqrt(np.mean(energy) / weights), rel=0.02
    )


def test_kappa_of_absolute_noise_is_the_formula_and_looks_at_the_pool_alone():
    model, disturber = fused()
    rear = torch.stack([model.attentions[b].proj.weight for b in (4, 5)]).detach().double()
    expected = 0.3 * math.sqrt(0.25) / math.sqrt(float(rear.square().mean()))
    assert disturber.relative_amplitude(Cell("proj", "rear", 0.3, 0.25, 0.5)) == pytest.approx(
        expected
    )
    assert disturber.relative_amplitude(Cell("proj", "rear", 0, 0.25, 0.5)) == 0


def test_an_unknown_component_is_refused_with_what_exists():
    model = network(Fused)
    disturber = Disturber(model, {**fused_weights(), "conv": []}, seed=0)
    for missing in ("temporal_attn", "conv"):
        with (
            pytest.raises(
                UserError, match=f"no component '{missing}'.* k, proj, q, spatial_attn, v"
            ),
            disturber.disturbed(Cell(missing, "all", 0.1, 0.5, 0.5), 0),
        ):
            pass


@pytest.mark.parametrize(
    ("option", "existing"), [("scale", "rel_fro"), ("mask", "bernoulli"), ("order", "trailing")]
)
def test_unknown_options_are_refused(option, existing):
    with pytest.raises(UserError, match=existing):
        fused(**{option: "none"})
