"""What noise leaves behind: nothing, and nothing changes where it does not reach."""

from contextlib import suppress

import pytest
import torch

from signal_perception.noise import definitions
from signal_perception.noise.draws import Draws
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturber
from signal_perception.seeding import generator
from tests.support.attention import (
    WIDTH,
    Fused,
    fused_weights,
    network,
)
from tests.support.disturbed import asked, difference, fused, same_bits, state


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
    disturber = Disturber(model, fused_weights(), Options(seed=0), gradient=lambda: gradient)
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
    disturber = Disturber(model, fused_weights(), Options(seed=0))
    cell = asked("q", "all", 0.2, 0.25, 1)
    clean = state(model)["blocks.0.qkv.weight"]
    change = difference(model, disturber, cell)["blocks.0.qkv.weight"]
    with disturber.disturbed(cell, 0):
        noisy = model.attentions[0].qkv.weight.detach()
        unchanged = change == 0
        assert torch.equal(noisy[unchanged].view(torch.int64), clean[unchanged].view(torch.int64))
        assert unchanged.sum() == 3 * WIDTH * WIDTH - 9
        assert (unchanged & (clean == 0)).any()
