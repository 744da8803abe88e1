"""A disturbed model: what the noise reaches, and that it leaves no trace."""

import itertools
import math
from contextlib import suppress

import numpy as np
import pytest
import torch

from signal_perception.models.core import registry
from signal_perception.noise import definitions
from signal_perception.noise.definitions import Cell
from signal_perception.noise.draws import Draws
from signal_perception.noise.perturbation import Disturber, perturbed
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator
from tests.models.contract import build, each_model
from tests.support.attention import (
    LAYERS,
    WIDTH,
    Fused,
    Separate,
    fused_weights,
    network,
    separate_weights,
)

PARTS = "qkv"


def asked(component, pool, sigma, gamma, rho, kind="weights", layers=LAYERS) -> Cell:
    return definitions.cell(
        component, layers, pool=pool, sigma=sigma, gamma=gamma, rho=rho, kind=kind
    )


def fused(**options):
    model = network(Fused, options.pop("dtype", torch.float32))
    return model, Disturber(model, fused_weights(), seed=0, **options)


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


def test_fused_and_separate_projections_receive_the_same_noise():
    joint, apart = network(Fused), network(Separate)
    with torch.no_grad():
        for one, other in zip(joint.attentions, apart.attentions):
            for j, part in enumerate("qkv"):
                getattr(other, part).weight.copy_(one.qkv.weight[j * WIDTH : (j + 1) * WIDTH])
    for component in ("q", "v", "spatial_attn"):
        cell = asked(component, "middle", 0.3, 0.45, 0.5)
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
    union = difference(model, disturber, asked("spatial_attn", "all", 0.2, 0.25, 1))
    for j, part in enumerate("qkv"):
        rows = slice(j * WIDTH, (j + 1) * WIDTH)
        alone = difference(model, disturber, asked(part, "all", 0.2, 0.25, 1))
        assert alone.keys() == union.keys()
        for name, change in alone.items():
            assert torch.equal(change[rows], union[name][rows])
            # a quarter of 36
            assert torch.count_nonzero(change) == torch.count_nonzero(change[rows]) == 9


def test_only_the_chosen_blocks_change_and_biases_never():
    model, disturber = fused()
    cell = asked("proj", "rear", 0.2, 0.5, 0.5)
    blocks = disturber.blocks(cell, 3)
    assert len(blocks) == 1
    assert blocks[0] in (4, 5)
    assert difference(model, disturber, cell, 3).keys() == {
        f"blocks.{b}.proj.weight" for b in blocks
    }
    everything = difference(model, disturber, asked("spatial_attn", "all", 0.2, 1, 1))
    assert everything.keys() == {f"blocks.{b}.qkv.weight" for b in range(LAYERS)}


def test_q_k_and_v_are_disturbed_in_the_same_layers():
    _, disturber = fused()
    for repeat in range(5):
        assert (
            len({disturber.blocks(asked(part, "all", 0.1, 0.5, 0.5), repeat) for part in "qkv"})
            == 1
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_clean_weights_come_back_bit_for_bit(dtype):
    model, disturber = fused(dtype=dtype)
    clean = state(model)
    for repeat in range(3):
        with disturber.disturbed(asked("spatial_attn", "all", 0.3, 0.85, 1), repeat):
            assert not same_bits(state(model), clean)
        assert same_bits(state(model), clean)


def test_the_clean_weights_come_back_after_any_sequence_of_cells():
    """40 cells of all kinds, an exception in every third."""
    model = network(Fused)
    clean = state(model)
    gradient = {name: torch.ones_like(value) for name, value in clean.items()}
    disturber = Disturber(model, fused_weights(), seed=0, gradient=lambda: gradient)
    rng = generator(0, "cells")
    for number in range(40):
        component, pool = rng.choice(["q", "spatial_attn", "proj"]), rng.choice(definitions.POOLS)
        sigma, gamma, rho = rng.uniform(0.05, 1, size=3)
        kind = rng.choice(["weights", "gradient"])
        cell = asked(str(component), str(pool), sigma, gamma, rho, str(kind))
        with suppress(ZeroDivisionError), disturber.disturbed(cell, number % 4):
            assert not same_bits(state(model), clean)
            _ = 1 / (number % 3)
        assert same_bits(state(model), clean)


def test_the_clean_weights_come_back_after_an_exception():
    model, disturber = fused()
    clean = state(model)
    with pytest.raises(ZeroDivisionError), disturber.disturbed(asked("v", "all", 0.3, 1, 1), 0):
        _ = 1 / 0
    assert same_bits(state(model), clean)
    # and the model can be disturbed again
    with disturber.disturbed(asked("v", "all", 0.3, 1, 1), 0):
        assert not same_bits(state(model), clean)


def test_the_clean_weights_come_back_when_adding_fails_half_way(monkeypatch):
    model, disturber = fused()
    clean, calls, of = state(model), [], Draws.of

    def failing(*arguments):
        calls.append(not same_bits(state(model), clean))
        if len(calls) == 4:
            raise MemoryError
        return of(*arguments)

    monkeypatch.setattr(Draws, "of", failing)
    with pytest.raises(MemoryError), disturber.disturbed(asked("v", "all", 0.3, 1, 1), 0):
        pass
    assert calls == [False, True, True, True]
    assert same_bits(state(model), clean)


@pytest.mark.parametrize(("sigma", "gamma", "rho"), [(0, 0.5, 0.5), (0.2, 0, 0.5), (0.2, 0.5, 0)])
def test_no_noise_is_the_clean_model_bit_for_bit(sigma, gamma, rho):
    model, disturber = fused()
    clean = state(model)
    with disturber.disturbed(asked("spatial_attn", "all", sigma, gamma, rho), 0) as applied:
        assert same_bits(state(model), clean)
    assert (applied.blocks, applied.sha256) == ((), "")


def test_elements_outside_the_mask_keep_their_bits():
    """−0 stays −0, and float64 weights keep what float32 cannot hold."""
    model, disturber = fused(dtype=torch.float64)
    with torch.no_grad():
        # no float32 holds these
        model.attentions[0].qkv.weight += 1e-12
        model.attentions[0].qkv.weight[:, 0] = -0.0
    disturber = Disturber(model, fused_weights(), seed=0)
    cell = asked("q", "all", 0.2, 0.25, 1)
    clean = state(model)["blocks.0.qkv.weight"]
    change = difference(model, disturber, cell)["blocks.0.qkv.weight"]
    with disturber.disturbed(cell, 0):
        noisy = model.attentions[0].qkv.weight.detach()
        unchanged = change == 0
        assert torch.equal(noisy[unchanged].view(torch.int64), clean[unchanged].view(torch.int64))
        assert unchanged.sum() == 3 * WIDTH * WIDTH - 9
        assert (unchanged & (clean == 0)).any()


def test_one_cell_at_a_time():
    model, disturber = fused()
    clean = state(model)
    cell = asked("v", "all", 0.3, 1, 1)
    with disturber.disturbed(cell, 0):
        with pytest.raises(RuntimeError, match="disturbed already"), disturber.disturbed(cell, 1):
            pass
        assert not same_bits(state(model), clean)
    assert same_bits(state(model), clean)


def test_noise_of_a_stronger_cell_is_the_same_noise_scaled():
    model, disturber = fused()
    weak = difference(model, disturber, asked("v", "all", 0.125, 0.25, 0.5))
    strong = difference(model, disturber, asked("v", "all", 0.25, 0.85, 1))
    for name, change in weak.items():
        reached = change != 0
        assert torch.allclose(2 * change[reached], strong[name][reached], atol=1e-6)


def test_the_order_of_cells_and_repeats_does_not_matter():
    cells = [asked("q", "front", 0.1, 0.45, 1), asked("spatial_attn", "all", 0.2, 0.25, 0.5)]
    tasks = [(cell, repeat) for cell in cells for repeat in (0, 1)]
    _, forward = fused()
    one = {task: hash_of(forward, *task) for task in tasks}
    assert len(set(one.values())) == len(tasks)
    for order in itertools.permutations(tasks):
        _, another = fused()
        assert {task: hash_of(another, *task) for task in order} == one


def test_the_noise_is_the_same_whatever_the_draws_kept():
    cells = [asked("q", "front", 0.1, 0.45, 1), asked("spatial_attn", "all", 0.2, 0.25, 0.5)]
    _, plenty = fused()
    _, nothing = fused()
    nothing._draws = Draws(0, "exact", limit=0)
    for repeat in (0, 1, 0):
        for cell in cells:
            assert hash_of(plenty, cell, repeat) == hash_of(nothing, cell, repeat)
    assert nothing._draws.bytes == 8 * WIDTH * WIDTH
    # q in repeats 0 and 1 of the front; in the other cell 3 of 6 layers in either repeat
    assert plenty._draws.bytes > 2 * 3 * 3 * 8 * WIDTH * WIDTH


def test_of_many_draws_the_longest_unused_go():
    where = torch.device("cpu")
    draws = Draws(0, "exact", limit=3 * 8 * 10)
    first = [draws.of(10, repeat, "w", "", where) for repeat in (0, 1, 2)]
    assert draws.of(10, 0, "w", "", where) is first[0]
    draws.of(10, 3, "w", "", where)
    assert draws.bytes == 3 * 8 * 10
    assert draws.of(10, 0, "w", "", where) is first[0]
    assert draws.of(10, 2, "w", "", where) is first[2]
    again = draws.of(10, 1, "w", "", where)
    assert again is not first[1]
    assert torch.equal(again.values, first[1].values)


def test_the_noise_is_the_recorded_one():
    """Computed once, apart from this code: results are comparable while this holds."""
    _, disturber = fused()
    cell = asked("spatial_attn", "middle", 0.2, 0.45, 0.5)
    assert disturber.blocks(cell, 1) == (2,)
    assert hash_of(disturber, cell, 1) == (
        "8148ac3d1b20ef1f9bc4b698be448bf9b71cc973e38ffeb1ccdc406317f469b4"
    )
    drawn = definitions.draw(4, seed=0, repeat=0, address="blocks.3.attn", part="q")
    assert drawn.values == pytest.approx([0.4779748, 1.0459883, -0.47363609, 0.24812390], abs=1e-7)
    assert list(drawn.score) == [3, 1, 0, 2]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_noise_is_the_same_for_models_of_any_precision(dtype):
    _, exact = fused()
    model, other = fused(dtype=dtype)
    clean = state(model)
    for repeat, cell in enumerate([asked("q", "all", 0.2, 0.45, 1), asked("v", "rear", 0.1, 1, 1)]):
        assert hash_of(exact, cell, repeat) == hash_of(other, cell, repeat)
        with other.disturbed(cell, repeat):
            noisy = state(model)
        assert all(noisy[name].dtype == dtype for name in clean)
        # added in float32, then cast
        name = f"blocks.{other.blocks(cell, repeat)[0]}.qkv.weight"
        part = PARTS.index(cell.component)
        rows = slice(part * WIDTH, (part + 1) * WIDTH)
        change = delta(cell, repeat, name.removesuffix(".qkv.weight"))
        expected = torch.from_numpy(clean[name][rows].float().numpy() + change).to(dtype)
        reached = torch.from_numpy(change != 0)
        assert torch.equal(noisy[name][rows][reached], expected[reached])


def delta(cell, repeat, address):
    """σ·mask⊙Z of one part, in NumPy."""
    drawn = definitions.draw(
        WIDTH * WIDTH, seed=0, repeat=repeat, address=address, part=cell.component
    )
    mask = drawn.score < math.floor(cell.gamma * WIDTH * WIDTH + 0.5)
    change = np.where(mask, np.float32(cell.sigma) * drawn.values, np.float32(0))
    return change.reshape(WIDTH, WIDTH)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("scale", definitions.SCALES)
def test_a_gpu_has_the_same_noise_and_the_same_disturbed_weights(scale):
    model, disturber = fused(scale=scale)
    copy = network(Fused).cuda()
    elsewhere = Disturber(copy, fused_weights(), seed=0, scale=scale)
    for repeat, component in enumerate(("q", "spatial_attn", "proj")):
        cell = asked(component, "all", 0.2, 0.45, 0.5)
        with disturber.disturbed(cell, repeat) as one, elsewhere.disturbed(cell, repeat) as other:
            assert one == other
            assert same_bits(state(model), {k: v.cpu() for k, v in state(copy).items()})


def test_the_hash_is_left_out_where_nobody_asks():
    model, disturber = fused()
    cell = asked("v", "all", 0.3, 1, 1)
    with disturber.disturbed(cell, 0) as applied:
        hashed = state(model)
    with disturber.disturbed(cell, 0, hashed=False) as silent:
        assert same_bits(state(model), hashed)
    assert len(applied.sha256) == 64
    assert (silent.blocks, silent.sha256) == (applied.blocks, "")


@pytest.mark.parametrize("rho", [0.5, 1])
@pytest.mark.parametrize("scale", definitions.SCALES)
def test_kappa_is_the_amplitude_of_the_noise_relative_to_the_weights(scale, rho):
    model, disturber = fused(scale=scale)
    cell = asked("spatial_attn", "all", 0.4, 0.5, rho)
    energy = [
        sum(float(c.square().sum()) for c in difference(model, disturber, cell, repeat).values())
        # 120 repeats disturb each layer equally often
        for repeat in range(120)
    ]
    weights = sum(float(block.qkv.weight.detach().square().sum()) for block in model.attentions)
    assert disturber.relative_amplitude(cell) == pytest.approx(
        math.sqrt(np.mean(energy) / weights), rel=0.02
    )


def test_kappa_of_absolute_noise_is_the_formula_over_the_pool():
    model, disturber = fused()
    rear = torch.stack([model.attentions[b].proj.weight for b in (4, 5)]).detach().double()
    # one layer of two
    expected = 0.3 * math.sqrt(0.25 * 1 / 2) / math.sqrt(float(rear.square().mean()))
    assert disturber.relative_amplitude(asked("proj", "rear", 0.3, 0.25, 0.5)) == pytest.approx(
        expected
    )
    assert disturber.relative_amplitude(asked("proj", "rear", 0, 0.25, 0.5)) == 0


def uphill(model, value=None) -> dict[str, torch.Tensor]:
    """A gradient of the toy's loss, drawn here, or the same number everywhere."""
    made = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(tensor.shape, generator=made) if value is None else tensor * 0 + value
        for name, tensor in state(model).items()
    }


def test_the_worst_case_has_the_energy_and_the_places_of_the_noise():
    model = network(Fused)
    gradient = uphill(model)
    disturber = Disturber(model, fused_weights(), seed=0, gradient=lambda: gradient)
    noise = asked("spatial_attn", "all", 0.2, 0.45, 0.5)
    worst = asked("spatial_attn", "all", 0.2, 0.45, 0.5, "gradient")
    for repeat in range(3):
        random = difference(model, disturber, noise, repeat)
        up = difference(model, disturber, worst, repeat)
        assert disturber.blocks(noise, repeat) == disturber.blocks(worst, repeat)
        assert up.keys() == random.keys()
        steps = []
        for name in random:
            places = random[name] != 0
            assert torch.equal(up[name] != 0, places)
            steps.append(up[name][places] / gradient[name][places])
        step = torch.cat(steps)
        # along the gradient, everywhere as far
        assert step.min() > 0
        assert torch.allclose(step, step.mean(), rtol=1e-3)
        assert norm(up) == pytest.approx(norm(random), rel=1e-5)
    assert disturber.relative_amplitude(worst) == disturber.relative_amplitude(noise)


def norm(changes) -> float:
    return math.sqrt(sum(float(change.double().square().sum()) for change in changes.values()))


def test_the_gradient_is_computed_once_of_the_clean_model_and_only_if_needed():
    model, calls = network(Fused), []
    clean = state(model)

    def gradient():
        calls.append(same_bits(state(model), clean))
        return uphill(model)

    disturber = Disturber(model, fused_weights(), seed=0, gradient=gradient)
    assert hash_of(disturber, asked("q", "all", 0.2, 0.45, 1))
    assert hash_of(disturber, asked("q", "all", 0.0, 0.45, 1, "gradient")) == ""
    assert calls == []
    first = hash_of(disturber, asked("q", "all", 0.2, 0.45, 1, "gradient"))
    assert first != hash_of(disturber, asked("q", "all", 0.2, 0.45, 1, "gradient"), 1)
    assert first == hash_of(disturber, asked("q", "all", 0.2, 0.45, 1, "gradient"))
    assert calls == [True]


def test_a_gradient_of_any_length_is_a_direction_alone():
    model = network(Fused)
    cell = asked("v", "all", 0.2, 0.45, 1, "gradient")

    def digest(length: float) -> str:
        long = {name: length * value for name, value in uphill(model).items()}
        return hash_of(Disturber(model, fused_weights(), seed=0, gradient=lambda: long), cell)

    assert digest(2.0**-60) == digest(1.0) == digest(2.0**60)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_gradient_that_says_no_way_up_is_refused(value):
    model = network(Fused)
    clean = state(model)
    disturber = Disturber(
        model, fused_weights(), seed=0, gradient=lambda: uphill(model, torch.tensor(value))
    )
    cell = asked("v", "all", 0.2, 0.45, 1, "gradient")
    with (
        pytest.raises(UserError, match=r"'v'.*norm.*worst_case to false"),
        disturber.disturbed(cell, 0),
    ):
        pass
    assert same_bits(state(model), clean)


def test_no_element_reached_is_no_change_whatever_the_gradient():
    model = network(Fused)
    clean = state(model)
    disturber = Disturber(model, fused_weights(), seed=0, gradient=lambda: uphill(model))
    for kind in ("weights", "gradient"):
        # a hundredth of 36
        with disturber.disturbed(asked("v", "all", 0.2, 0.01, 1, kind), 0) as applied:
            assert same_bits(state(model), clean)
        assert len(applied.blocks) == LAYERS


def test_cells_of_another_kind_or_model_are_refused():
    _, disturber = fused()
    with pytest.raises(ValueError, match="ActivationDisturber"):
        disturber.blocks(asked("v", "all", 0.2, 0.45, 1, "activations"), 0)
    with pytest.raises(ValueError, match="this model's has 6"):
        disturber.blocks(asked("v", "all", 0.2, 0.45, 1, layers=12), 0)
    with (
        pytest.raises(ValueError, match="needs a Disturber that is given one"),
        disturber.disturbed(asked("v", "all", 0.2, 0.45, 1, "gradient"), 0),
    ):
        pass


@each_model
def test_any_model_is_disturbed_without_its_name(name):
    model = build(name)
    clean = state(model)
    components = registry.components(name, model)
    assert registry.components_of(model) == components
    for component, slices in components.items():
        named = Disturber(model, components, seed=3)
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


def test_an_unknown_component_is_refused_with_what_exists():
    model = network(Fused)
    disturber = Disturber(model, {**fused_weights(), "conv": []}, seed=0)
    for missing in ("temporal_attn", "conv"):
        with (
            pytest.raises(
                UserError, match=f"no component '{missing}'.* k, proj, q, spatial_attn, v"
            ),
            disturber.disturbed(asked(missing, "all", 0.1, 0.5, 0.5), 0),
        ):
            pass


@pytest.mark.parametrize(
    ("option", "existing"), [("scale", "rel_fro"), ("mask", "bernoulli"), ("order", "trailing")]
)
def test_unknown_options_are_refused(option, existing):
    with pytest.raises(UserError, match=existing):
        fused(**{option: "none"})
