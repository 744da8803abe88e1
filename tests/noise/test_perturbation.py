"""A disturbed model: what the noise reaches, and that it leaves no trace."""

import itertools
import math

import numpy as np
import pytest
import torch

from signal_perception.noise import definitions
from signal_perception.noise.draws import Draws
from signal_perception.noise.options import Options
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
from tests.support.disturbed import asked, difference, fused, hash_of, same_bits, state

PARTS = "qkv"


def test_fused_and_separate_projections_receive_the_same_noise():
    joint, apart = network(Fused), network(Separate)
    options = Options(seed=0, scale="rel_std")
    with torch.no_grad():
        for one, other in zip(joint.attentions, apart.attentions):
            for j, part in enumerate("qkv"):
                getattr(other, part).weight.copy_(one.qkv.weight[j * WIDTH : (j + 1) * WIDTH])
    for component in ("q", "v", "spatial_attn"):
        cell = asked(component, "middle", 0.3, 0.45, 0.5)
        with (
            Disturber(joint, fused_weights(), options).disturbed(cell, 2) as one,
            Disturber(apart, separate_weights(), options).disturbed(cell, 2) as other,
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
    elsewhere = Disturber(copy, fused_weights(), Options(seed=0, scale=scale))
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


def test_an_unknown_component_is_refused_with_what_exists():
    model = network(Fused)
    disturber = Disturber(model, {**fused_weights(), "conv": []}, Options(seed=0))
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
