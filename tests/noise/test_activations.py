"""Noise on what taps hear: where it goes, that it is the same for all clips, that it is gone."""

import hashlib
import math

import numpy as np
import pytest
import torch
from torch import nn

from signal_perception.models.core.state import Tokens
from signal_perception.models.core.taps import Tap
from signal_perception.noise import definitions
from signal_perception.noise.activations import ActivationDisturber
from signal_perception.noise.definitions import Cell
from signal_perception.noise.options import Options
from signal_perception.pipeline.errors import UserError
from tests.support.disturbed import hooks

LAYERS, WIDTH = 4, 5
GRID = (2, 3, 3)
SHAPE = (*GRID, WIDTH)
SIZE = math.prod(SHAPE)
# leading tokens that are no patches
DROP = 2


class Add(nn.Module):
    """A block that adds one to every token."""

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens._replace(x=tokens.x + 1)


class Stream(nn.Module):
    """Tokens that go through blocks which each add one."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Add() for _ in range(LAYERS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = Tokens(x, GRID)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens.x


TAPS = {
    "mlp": [
        Tap(f"{i:02d}.mlp", "mlp", i, "stream", f"blocks.{i}", "b (t h w) c", DROP)
        for i in range(LAYERS)
    ],
    "conv": [],
}


def asked(component="mlp", sigma=0.5, gamma=0.45, rho=1.0, layers=LAYERS, **more) -> Cell:
    setting = {"kind": "activations"} | more
    return definitions.cell(component, layers, sigma=sigma, gamma=gamma, rho=rho, **setting)


def stream(**options) -> tuple[Stream, ActivationDisturber]:
    model = Stream()
    return model, ActivationDisturber(model, TAPS, Options(seed=0, **options))


def tokens(count=3, dtype=torch.float32) -> torch.Tensor:
    made = torch.Generator().manual_seed(0)
    x = torch.randn(count, DROP + math.prod(GRID), WIDTH, generator=made)
    # clips of unlike strength
    return (x * (1 + torch.arange(count)).view(-1, 1, 1)).to(dtype)


def noise(block: int, cell: Cell, repeat: int = 0) -> np.ndarray:
    """σ·mask⊙Z of a tap, in NumPy."""
    drawn = definitions.draw(SIZE, seed=0, repeat=repeat, address=f"{block:02d}.mlp", part="")
    mask = drawn.score < math.floor(cell.gamma * SIZE + 0.5)
    values = np.where(mask, np.float32(cell.sigma) * drawn.values, np.float32(0))
    return values.reshape(-1, WIDTH)


def test_the_noise_is_that_of_the_method_on_patches_alone_and_the_same_for_all_clips():
    model, disturber = stream()
    x, cell = tokens(), asked(rho=0.5)
    for repeat in range(4):
        blocks = disturber.blocks(cell, repeat)
        assert len(blocks) == 2
        expected = x
        for block in range(LAYERS):
            expected = expected + 1
            if block in blocks:
                expected[:, DROP:] += torch.from_numpy(noise(block, cell, repeat))
        with disturber.disturbed(cell, repeat) as applied:
            assert applied.blocks == blocks
            assert torch.equal(model(x), expected)
        assert torch.equal(model(x)[:, :DROP], expected[:, :DROP])


def test_the_hash_is_known_at_the_end_and_covers_the_taps_that_ran():
    model, disturber = stream()
    cell = asked(rho=0.5)
    digest = hashlib.sha256()
    for block in disturber.blocks(cell, 1):
        digest.update("\x1f".join([f"{block:02d}.mlp", *map(str, SHAPE), ""]).encode())
        digest.update(noise(block, cell, 1).astype("<f4").tobytes())
    found = []
    for x in (tokens(3), tokens(1, torch.bfloat16)):
        with disturber.disturbed(cell, 1) as applied:
            assert applied.sha256 == ""
            # the noise is one, however often the model runs
            model(x)
            model(x)
        found.append(applied.sha256)
    assert found == [digest.hexdigest()] * 2
    # computed once: results are comparable while this holds
    assert found[0] == "6ea8301ae6828cf42c9d6ce73f483b238b2d9ac6c64215be9bc5e2c831916ae7"
    with disturber.disturbed(cell, 1) as applied:
        pass
    assert applied.sha256 == ""
    with disturber.disturbed(cell, 1, hashed=False) as applied:
        model(tokens())
    assert applied.sha256 == ""


@pytest.mark.parametrize("scale", definitions.SCALES)
def test_a_clip_gets_the_same_noise_in_any_company(scale):
    model, disturber = stream(scale=scale)
    x, cell = tokens(5), asked()
    with disturber.disturbed(cell, 0):
        together = model(x)
        for i in range(5):
            assert torch.equal(model(x[i : i + 1])[0], together[i])
        assert torch.equal(model(x.flip(0)), together.flip(0))


@pytest.mark.parametrize("scale", definitions.SCALES[1:])
def test_relative_noise_is_in_units_of_the_clips_own_rms(scale):
    model, disturber = stream(scale=scale, order="leading")
    x, cell = tokens(4), asked(sigma=0.3, gamma=1, rho=0.25)
    with disturber.disturbed(cell, 0):
        added = model(x) - (x + LAYERS)
    rms = (x + 1)[:, DROP:].square().mean((1, 2), keepdim=True).sqrt()
    expected = rms * torch.from_numpy(noise(0, cell))
    assert torch.allclose(added[:, DROP:], expected, atol=1e-5)
    assert not added[:, :DROP].abs().gt(1e-5).any()
    # one layer of four, all of it
    assert disturber.relative_amplitude(cell) == pytest.approx(0.3 * math.sqrt(1 / 4))


def test_kappa_of_absolute_noise_is_not_known_without_data():
    _, disturber = stream()
    assert math.isnan(disturber.relative_amplitude(asked()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_elements_outside_the_mask_keep_their_bits_and_all_their_dtype(dtype):
    model, disturber = stream(order="trailing")
    # after the last block −0
    x = torch.full_like(tokens(2, dtype), -LAYERS)
    for block in model.blocks[-1:]:
        block.forward = lambda tokens: tokens._replace(x=-0.0 * tokens.x.abs())
    cell = asked(gamma=0.25, rho=0.25)
    clean = model(x)
    with disturber.disturbed(cell, 0):
        noisy = model(x)
    assert noisy.dtype == dtype
    reached = torch.from_numpy(noise(LAYERS - 1, cell) != 0)
    assert reached.sum() == math.floor(0.25 * SIZE + 0.5)
    assert (noisy[:, DROP:][:, reached] != 0).all()
    untouched = torch.cat([noisy[:, :DROP].flatten(), noisy[:, DROP:][:, ~reached].flatten()])
    assert untouched.signbit().all()
    assert not untouched.any()
    assert not clean.any()


@pytest.mark.parametrize("scale", ["absolute", "rel_fro"])
def test_noise_on_a_rounded_activation_is_added_in_float32(scale):
    model, disturber = stream(order="trailing", scale=scale)
    x, cell = tokens(dtype=torch.bfloat16), asked(rho=0.25)
    clean = model(x).float()
    with disturber.disturbed(cell, 0):
        noisy = model(x)
    rms = clean[:, DROP:].double().square().mean((1, 2), keepdim=True).sqrt().float()
    added = torch.from_numpy(noise(LAYERS - 1, cell)) * (1 if scale == "absolute" else rms)
    assert torch.equal(noisy[:, DROP:], (clean[:, DROP:] + added).bfloat16())


def test_the_input_of_a_module_that_passes_it_on_is_not_overwritten():
    model, disturber = stream()
    for block in model.blocks:
        block.forward = lambda tokens: tokens
    x = tokens()
    before = x.clone()
    with disturber.disturbed(asked(), 0):
        assert not torch.equal(model(x), before)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("sigma", "gamma", "rho"), [(0, 0.5, 0.5), (0.2, 0, 0.5), (0.2, 0.5, 0)])
def test_no_noise_is_the_clean_model(sigma, gamma, rho):
    model, disturber = stream()
    with disturber.disturbed(asked(sigma=sigma, gamma=gamma, rho=rho), 0) as applied:
        assert hooks(model) == 0
        model(tokens())
    assert (applied.blocks, applied.sha256) == ((), "")


def test_the_hooks_are_gone_afterwards_also_after_an_exception():
    model, disturber = stream()
    with pytest.raises(ZeroDivisionError), disturber.disturbed(asked(), 0):
        assert hooks(model) == 2 * LAYERS
        _ = 1 / 0
    assert hooks(model) == 0
    with disturber.disturbed(asked(), 0):
        refused = pytest.raises(RuntimeError, match="disturbed already")
        with refused, disturber.disturbed(asked(), 1):
            pass
        assert hooks(model) == 2 * LAYERS
    assert hooks(model) == 0


def test_repeats_taps_and_gradients():
    """Other repeats and taps have other noise; gradients flow on through it."""
    model, disturber = stream(order="leading")
    x = tokens().requires_grad_()
    found = []
    for repeat in range(3):
        # drawn in inference mode, used outside it
        with disturber.disturbed(asked(), repeat):
            with torch.inference_mode():
                model(tokens())
            out = model(x)
        found.append(out.detach())
        out.sum().backward()
    assert not torch.equal(found[0], found[1])
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full_like(x, 3))
    assert not np.array_equal(noise(0, asked()), noise(1, asked()))


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (asked("attn"), UserError, "no kind of tap 'attn' to disturb; choose one of mlp"),
        (asked("conv"), UserError, "no kind of tap 'conv' to disturb; choose one of mlp"),
        (asked(kind="weights"), ValueError, "kind weights is for a Disturber"),
        (asked(layers=12), ValueError, "this model's has 4"),
    ],
)
def test_what_cannot_be_disturbed_is_refused(cell, error, message):
    _, disturber = stream()
    with pytest.raises(error, match=message), disturber.disturbed(cell, 0):
        pass


@pytest.mark.parametrize(
    ("option", "existing"), [("scale", "rel_fro"), ("mask", "bernoulli"), ("order", "trailing")]
)
def test_unknown_options_are_refused(option, existing):
    with pytest.raises(UserError, match=existing):
        stream(**{option: "none"})
