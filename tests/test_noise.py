"""Weight noise: which elements it reaches, that it is the same everywhere, and that it leaves no trace."""

import math
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from signal_perception import noise
from signal_perception.errors import UserError
from signal_perception.models.taps import Weights
from signal_perception.noise import Cell, Disturber
from signal_perception.seeding import generator

WIDTH = 6
LAYERS = 6


class Fused(nn.Module):
    """An attention that keeps q, k and v as rows of one matrix, with a class token's worth of other parameters around it."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)


class Separate(nn.Module):
    """The same attention with q, k and v apart."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.proj = nn.Linear(WIDTH, WIDTH)


class Network(nn.Module):
    """Nothing but blocks of one kind of attention."""

    def __init__(self, attention):
        super().__init__()
        self.attentions = [attention() for _ in range(LAYERS)]
        self.blocks = nn.ModuleList(self.attentions)


def network(attention, dtype=torch.float32):
    model = Network(attention)
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view(parameter.shape) + 0.1 * i)
            parameter.view(-1)[0] = -0.0
    return model.to(dtype)


def fused_weights():
    weights = {
        part: [
            Weights(f"spatial_attn.{part}", b, f"blocks.{b}.qkv.weight", j * WIDTH, (j + 1) * WIDTH)
            for b in range(LAYERS)
        ]
        for j, part in enumerate("qkv")
    }
    weights["spatial_attn"] = [w for block in zip(*weights.values()) for w in block]
    weights["proj"] = [Weights("spatial_attn.proj", b, f"blocks.{b}.proj.weight", 0, WIDTH) for b in range(LAYERS)]
    return weights


def separate_weights():
    weights = {
        part: [Weights(f"spatial_attn.{part}", b, f"blocks.{b}.{part}.weight", 0, WIDTH) for b in range(LAYERS)]
        for part in "qkv"
    }
    weights["spatial_attn"] = [w for block in zip(*weights.values()) for w in block]
    return weights


def fused(**options):
    model = network(Fused, options.pop("dtype", torch.float32))
    return model, Disturber(model, fused_weights(), seed=0, **options)


def state(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same_bits(one, other):
    return one.keys() == other.keys() and all(one[k].numpy().tobytes() == other[k].numpy().tobytes() for k in one)


def difference(model, disturber, cell, repeat=0):
    """ΔW of every parameter that a cell changes."""
    clean = state(model)
    with disturber.disturbed(cell, repeat):
        noisy = state(model)
    return {k: noisy[k] - clean[k] for k in clean if not torch.equal(noisy[k], clean[k])}


# --- layers -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "edges"),
    [(12, (0, 4, 8, 12)), (27, (0, 9, 18, 27)), (24, (0, 8, 16, 24)), (16, (0, 5, 10, 16)), (3, (0, 1, 2, 3))],
)
def test_thirds_cover_all_layers_once(layers, edges):
    for j, pool in enumerate(("front", "middle", "rear")):
        assert noise.pool_layers(layers, pool) == range(edges[j], edges[j + 1])
    assert noise.pool_layers(layers, "all") == range(layers)


def test_thirds_of_fewer_than_three_layers_are_refused():
    assert noise.pool_layers(2, "all") == range(2)
    for pool in ("front", "middle", "rear"):
        with pytest.raises(UserError, match="at least 3"):
            noise.pool_layers(2, pool)


@pytest.mark.parametrize("order", ["random", "leading", "trailing"])
@pytest.mark.parametrize("pool", noise.POOLS)
def test_larger_rho_keeps_the_layers_of_smaller_rho(order, pool):
    for repeat in range(5):
        chosen = [
            noise.chosen_layers(27, pool, rho, order=order, seed=1, repeat=repeat)
            for rho in (0, 0.01, 0.25, 0.5, 0.75, 1)
        ]
        for smaller, larger in pairwise(chosen):
            assert set(smaller) <= set(larger)
        assert chosen[0] == ()
        assert chosen[-1] == tuple(noise.pool_layers(27, pool))


@pytest.mark.parametrize(
    ("layers", "pool", "rho", "count"),
    [
        (12, "all", 0.5, 6),
        (12, "rear", 0.25, 1),
        (12, "rear", 0.75, 3),
        (27, "front", 0.5, 5),
        (27, "front", 0.01, 1),
        (16, "rear", 0.25, 2),
    ],
)
@pytest.mark.parametrize("order", noise.ORDERS)
def test_number_of_layers_is_rounded_half_up_and_never_zero(layers, pool, rho, count, order):
    chosen = noise.chosen_layers(layers, pool, rho, order=order, seed=0, repeat=0)
    assert len(set(chosen)) == len(chosen) == count
    assert set(chosen) <= set(noise.pool_layers(layers, pool))
    assert list(chosen) == sorted(chosen)


def test_orders_choose_what_they_say():
    def choose(order, repeat=0):
        return noise.chosen_layers(12, "all", 1 / 3, order=order, seed=0, repeat=repeat)

    assert choose("leading") == (0, 1, 2, 3)
    assert choose("trailing") == (8, 9, 10, 11)
    assert choose("even") == (1, 4, 7, 10)
    assert len({choose("random", repeat) for repeat in range(20)}) > 10


# --- draws ------------------------------------------------------------------------------------------------------------------------------


def test_values_are_standard_normal():
    values = noise.draw(200_000, seed=0, repeat=0, address="blocks.0", part="q").values
    assert values.dtype == np.float32
    ordered = np.sort(values.astype(np.float64))
    normal = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in ordered])
    steps = np.arange(len(ordered) + 1) / len(ordered)
    distance = max(np.max(steps[1:] - normal), np.max(normal - steps[:-1]))
    assert distance < 1.63 / math.sqrt(len(values))  # Kolmogorov–Smirnov at the 1 % level
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.01


def test_the_largest_uniform_number_has_a_finite_value(monkeypatch):
    extremes = np.array([0, 1 - 2.0**-53])
    monkeypatch.setattr(noise, "_uniform", lambda *_: extremes)
    assert noise.draw(2, seed=0, repeat=0, address="w", part="").values == pytest.approx([-8.29, 8.21], abs=0.01)


def test_every_name_changes_the_draw_and_a_longer_slice_begins_alike():
    base: dict[str, Any] = {"seed": 0, "repeat": 0, "address": "blocks.0", "part": "q"}
    first = noise.draw(50, **base)
    others: list[dict[str, Any]] = [{"seed": 1}, {"repeat": 1}, {"address": "blocks.1"}, {"part": "k"}]
    for other in others:
        changed = noise.draw(50, **(base | other))
        assert not np.array_equal(first.values, changed.values)
        assert not np.array_equal(first.score, changed.score)
    assert np.array_equal(noise.draw(80, **base).values[:50], first.values)
    assert (
        abs(np.corrcoef(*(lambda d: (d.values, d.score))(noise.draw(50_000, **base)))[0, 1]) < 0.02
    )  # two separate streams


@pytest.mark.parametrize("mask", noise.MASKS)
def test_larger_gamma_keeps_the_elements_of_smaller_gamma_and_their_values(mask):
    drawn = noise.draw(1001, seed=0, repeat=0, address="w", part="", mask=mask)
    previous = np.zeros(1001, np.float32)
    for gamma in (0.05, 0.25, 0.45, 0.65, 0.85, 1):
        change = noise.change(drawn, 0.2, gamma)
        reached = previous != 0
        assert np.array_equal(change[reached], previous[reached])
        assert np.count_nonzero(change) > np.count_nonzero(previous)
        previous = change
    assert np.array_equal(previous, np.float32(0.2) * drawn.values)


@pytest.mark.parametrize("size", [1, 7, 36, 1001])
@pytest.mark.parametrize("gamma", [0, 0.05, 0.25, 0.5, 0.85, 1])
def test_the_exact_mask_has_exactly_the_rounded_number(size, gamma):
    drawn = noise.draw(size, seed=0, repeat=0, address="w", part="")
    assert sorted(drawn.score) == list(range(size))
    assert np.count_nonzero(noise.change(drawn, 0.1, gamma)) == math.floor(gamma * size + 0.5)


def test_the_bernoulli_mask_is_right_on_average_only():
    counts = [
        np.count_nonzero(
            noise.change(noise.draw(1000, seed=0, repeat=r, address="w", part="", mask="bernoulli"), 1, 0.3)
        )
        for r in range(40)
    ]
    assert np.mean(counts) == pytest.approx(300, abs=3 * math.sqrt(210 / 40))
    assert len(set(counts)) > 5


def test_equal_ranks_are_broken_by_the_flat_index(monkeypatch):
    monkeypatch.setattr(noise, "_uniform", lambda size, *_: np.full(size, 0.25))
    assert np.array_equal(noise.draw(9, seed=0, repeat=0, address="w", part="").score, np.arange(9))


# --- a model disturbed --------------------------------------------------------------------------------------------------------------------


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
            Disturber(apart, separate_weights(), seed=0, scale="rel_std").disturbed(cell, 2) as other,
        ):
            for a, b in zip(joint.attentions, apart.attentions):
                assert torch.equal(a.qkv.weight, torch.cat([b.q.weight, b.k.weight, b.v.weight]))
        assert one == other


def test_a_union_gives_each_part_the_noise_it_gets_alone():
    model, disturber = fused()
    whole = difference(model, disturber, Cell("spatial_attn", "all", 0.2, 0.25, 1))
    for j, part in enumerate("qkv"):
        rows = slice(j * WIDTH, (j + 1) * WIDTH)
        alone = difference(model, disturber, Cell(part, "all", 0.2, 0.25, 1))
        assert alone.keys() == whole.keys()
        for name, change in alone.items():
            assert torch.equal(change[rows], whole[name][rows])
            assert torch.count_nonzero(change) == torch.count_nonzero(change[rows]) == 9  # a quarter of 36


def test_only_the_chosen_blocks_change_and_biases_never():
    model, disturber = fused()
    cell = Cell("proj", "rear", 0.2, 0.5, 0.5)
    blocks = disturber.blocks(cell, 3)
    assert len(blocks) == 1
    assert blocks[0] in (4, 5)
    assert difference(model, disturber, cell, 3).keys() == {f"blocks.{b}.proj.weight" for b in blocks}
    everything = difference(model, disturber, Cell("spatial_attn", "all", 0.2, 1, 1))
    assert everything.keys() == {f"blocks.{b}.qkv.weight" for b in range(LAYERS)}


def test_q_k_and_v_are_disturbed_in_the_same_layers():
    _, disturber = fused()
    for repeat in range(5):
        assert len({disturber.blocks(Cell(part, "all", 0.1, 0.5, 0.5), repeat) for part in "qkv"}) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_clean_weights_come_back_bit_for_bit(dtype):
    model, disturber = fused(dtype=dtype)
    clean = {name: tensor.view(torch.int16) for name, tensor in state(model).items()}
    for repeat in range(3):
        with disturber.disturbed(Cell("spatial_attn", "all", 0.3, 0.85, 1), repeat):
            assert not torch.equal(model.attentions[0].qkv.weight.view(torch.int16), clean["blocks.0.qkv.weight"])
        assert same_bits({name: tensor.view(torch.int16) for name, tensor in state(model).items()}, clean)


def test_the_clean_weights_come_back_after_an_exception():
    model, disturber = fused()
    clean = state(model)
    with pytest.raises(ZeroDivisionError), disturber.disturbed(Cell("v", "all", 0.3, 1, 1), 0):
        _ = 1 / 0
    assert same_bits(state(model), clean)
    with disturber.disturbed(Cell("v", "all", 0.3, 1, 1), 0):  # and the model can be disturbed again
        assert not same_bits(state(model), clean)


def test_the_clean_weights_come_back_when_adding_fails_half_way(monkeypatch):
    model, disturber = fused()
    clean, calls, change = state(model), [], noise.change

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise MemoryError
        return change(*arguments)

    monkeypatch.setattr(noise, "change", failing)
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
        kept = change == 0
        assert torch.equal(noisy[kept].view(torch.int64), clean[kept].view(torch.int64))
        assert kept.sum() == 3 * WIDTH * WIDTH - 9


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
    """Computed once, when this was written: results of different machines and releases are comparable while this holds."""
    _, disturber = fused()
    with disturber.disturbed(Cell("spatial_attn", "middle", 0.2, 0.45, 0.5), 1) as applied:
        assert applied.sha256 == "a1344f4ec00cdf3d1608efe094876c3af4458b722ad98b8e37afe099d5b595f4"
    drawn = noise.draw(4, seed=0, repeat=0, address="blocks.3.attn", part="q")
    assert drawn.values == pytest.approx([0.4779748, 1.0459883, -0.47363609, 0.24812390], abs=1e-7)
    assert list(drawn.score) == [3, 1, 0, 2]


def test_values_follow_the_formula_of_the_method():
    """The same numbers from the standard library's inverse normal and the bits of the named generator."""
    bits = generator(0, "noise", "values", 0, "blocks.3.attn", "q").bit_generator.random_raw(100)
    expected = [NormalDist().inv_cdf((int(b) >> 11) * 2.0**-53 + 2.0**-54) for b in bits]
    assert noise.draw(100, seed=0, repeat=0, address="blocks.3.attn", part="q").values == pytest.approx(
        expected, rel=1e-6
    )


# --- strength ----------------------------------------------------------------------------------------------------------------------------


def test_scales():
    weight = torch.tensor([[1.0, -3.0], [2.0, 4.0]])
    expected = {"absolute": 1, "rel_std": math.sqrt(6.5), "rel_max": 4, "rel_fro": math.sqrt(30 / 4)}
    for scale in noise.SCALES:
        assert noise.effective_sigma(weight, 0.5, scale) == pytest.approx(0.5 * expected[scale])


@pytest.mark.parametrize("scale", noise.SCALES)
def test_kappa_is_the_energy_of_the_noise_relative_to_the_weights(scale):
    model, disturber = fused(scale=scale)
    cell = Cell("spatial_attn", "all", 0.4, 0.45, 1)
    energy = [
        sum(float(c.square().sum()) for c in difference(model, disturber, cell, repeat).values())
        for repeat in range(40)
    ]
    weights = sum(float(block.qkv.weight.detach().square().sum()) for block in model.attentions)
    assert disturber.energy(cell) == pytest.approx(math.sqrt(np.mean(energy) / weights), rel=0.02)


def test_kappa_of_absolute_noise_is_the_formula_and_looks_at_the_pool_alone():
    model, disturber = fused()
    rear = torch.stack([model.attentions[b].proj.weight for b in (4, 5)]).detach().double()
    expected = 0.3 * math.sqrt(0.25) / math.sqrt(float(rear.square().mean()))
    assert disturber.energy(Cell("proj", "rear", 0.3, 0.25, 0.5)) == pytest.approx(expected)
    assert disturber.energy(Cell("proj", "rear", 0, 0.25, 0.5)) == 0


def test_retention_and_robustness():
    assert noise.retention(26, 50, 2) == pytest.approx(0.5)
    assert noise.retention(2, 50, 2) == 0
    assert math.isnan(noise.retention(2, 2, 2))
    assert noise.relative_robustness(25, 50) == pytest.approx(0.5)
    assert math.isnan(noise.relative_robustness(0, 0))


# --- refusals ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sigma": -0.1}, "sigma = -0.1"),
        ({"sigma": math.nan}, "sigma = nan"),
        ({"gamma": 1.5}, "gamma = 1.5"),
        ({"rho": -0.5}, "rho = -0.5"),
        ({"pool": "centre"}, "all, front, middle, rear"),
    ],
)
def test_impossible_cells_are_refused(changed, message):
    setting = {"component": "q", "pool": "all", "sigma": 0.1, "gamma": 0.5, "rho": 0.5} | changed
    with pytest.raises(UserError, match=message):
        Cell(**setting)


def test_an_unknown_component_is_refused_with_what_exists():
    model = network(Fused)
    disturber = Disturber(model, {**fused_weights(), "conv": []}, seed=0)
    for missing in ("temporal_attn", "conv"):
        with (
            pytest.raises(UserError, match=f"no component '{missing}'.* k, proj, q, spatial_attn, v"),
            disturber.disturbed(Cell(missing, "all", 0.1, 0.5, 0.5), 0),
        ):
            pass


@pytest.mark.parametrize(("option", "existing"), [("scale", "rel_fro"), ("mask", "bernoulli"), ("order", "trailing")])
def test_unknown_options_are_refused(option, existing):
    with pytest.raises(UserError, match=existing):
        fused(**{option: "none"})
