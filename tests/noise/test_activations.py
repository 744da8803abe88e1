"""Noise on what taps hear: where it goes, that it is the same for all clips, that it is gone."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from signal_perception.models.core import registry
from signal_perception.models.core.state import Tokens
from signal_perception.models.core.taps import Tap, canonical, capture
from signal_perception.noise import definitions
from signal_perception.noise.activations import ActivationDisturber
from signal_perception.noise.definitions import Cell
from signal_perception.noise.layers import tapped
from signal_perception.pipeline.errors import UserError
from tests.models.contract import build, clips, each_model, shared_model

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
    return model, ActivationDisturber(model, TAPS, seed=0, **options)


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


def hooks(model: nn.Module) -> int:
    return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules())


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


@contextmanager
def outputs(model: nn.Module, tap: Tap) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """What the tap's module passes on in each forward pass: all tokens, and the patches alone."""
    grids, found = [], []

    def before(_module, args):
        state = args[0]
        grids.append(state.grid if isinstance(state, Tokens) else tuple(state.shape[2:]))

    def after(_module, _args, output):
        x = (output.x if isinstance(output, Tokens) else output).clone()
        found.append((x, canonical(tap, x, grids[-1])))

    with (
        model.get_submodule(tap.sublayer).register_forward_pre_hook(before),
        model.get_submodule(tap.module).register_forward_hook(after),
    ):
        yield found


def takes_it_on_its_patches_alone(
    model: nn.Module, images: torch.Tensor, kind: str, found: list[Tap]
) -> None:
    """The first tap of a kind gets σ·mask⊙Z on the patches of both clips, nothing elsewhere."""
    disturber = ActivationDisturber(model, {kind: found}, seed=0, order="leading")
    cell = asked(kind, gamma=0.5, rho=1e-9, layers=len({tap.block for tap in found}))
    first = found[0]
    with torch.inference_mode(), outputs(model, first) as heard:
        logits = model(images)
    with (
        torch.inference_mode(),
        disturber.disturbed(cell, 0) as applied,
        outputs(model, first) as noisy,
    ):
        assert not torch.equal(model(images), logits), kind
    assert applied.blocks == (first.block,)
    ((clean, before), (changed, after)) = *heard, *noisy
    shape = before.shape[1:]
    drawn = definitions.draw(math.prod(shape), seed=0, repeat=0, address=first.name, part="")
    mask = drawn.score < math.floor(0.5 * math.prod(shape) + 0.5)
    expected = np.where(mask, np.float32(0.5) * drawn.values, np.float32(0)).reshape(shape)
    assert torch.equal(before + torch.from_numpy(expected), after), kind
    # all that changed are patches
    assert (clean != changed).sum() == (before != after).sum(), kind
    assert (clean.numel() > before.numel()) is (first.drop > 0)


@each_model
def test_every_kind_of_tap_of_every_model_takes_it(name):
    model, images = shared_model(name), clips(name)
    for kind, found in tapped(registry.taps(name, model)).items():
        takes_it_on_its_patches_alone(model, images, kind, found)
    assert hooks(model) == 0


def test_a_tap_within_a_sublayer_takes_it():
    """Temporal attention inside joint_attn, of a UniFormer whose attention is split."""
    network = {"depths": [1, 1, 2, 1], "embed_dims": [8, 12, 16, 24], "head_dim": 8}
    torch.manual_seed(0)
    model = registry.build("uniformer_v1", 5, {**network, "split_attention": True}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    taps = tapped(registry.taps("uniformer_v1", model))
    assert "temporal_attn.branch" in taps
    for kind, found in taps.items():
        takes_it_on_its_patches_alone(model, clips("uniformer_v1"), kind, found)


@each_model
def test_all_layers_at_once_are_disturbed(name):
    model, images = shared_model(name), clips(name)
    taps = tapped(registry.taps(name, model))
    disturber = ActivationDisturber(model, taps, seed=0, scale="rel_fro")
    for kind, found in taps.items():
        blocks = tuple(dict.fromkeys(tap.block for tap in found))
        cell = asked(kind, sigma=0.1, layers=len(blocks))
        with torch.inference_mode(), disturber.disturbed(cell, 0) as applied:
            assert applied.blocks == blocks
            noisy = model(images)
        assert noisy.isfinite().all()
        assert len(applied.sha256) == 64


@each_model
def test_it_runs_under_autocast_and_listeners_hear_it(name):
    model, images = shared_model(name), clips(name)
    every = registry.taps(name, model)
    taps = tapped(every)
    disturber = ActivationDisturber(model, taps, seed=0, scale="rel_fro", order="leading")
    for component, found in taps.items():
        layers = len({tap.block for tap in found})
        cell = asked(component, gamma=1, rho=1e-9, layers=layers)
        autocast = torch.autocast("cpu", dtype=torch.bfloat16)
        with torch.inference_mode(), autocast:
            with capture(model, every) as clean:
                logits = model(images)
            with disturber.disturbed(cell, 0), capture(model, every) as heard:
                noisy = model(images)
        assert noisy.dtype == logits.dtype
        first = found[0].name
        added = (heard[first] - clean[first]).square().mean((1, 2, 3, 4)).sqrt()
        rms = clean[first].square().mean((1, 2, 3, 4)).sqrt()
        assert torch.allclose(added / rms, torch.full((2,), 0.5), rtol=0.1), component
        # what comes before is clean
        for tap in every[: [tap.name for tap in every].index(first)]:
            assert torch.equal(heard[tap.name], clean[tap.name])


def test_a_model_of_another_size_has_its_own_noise():
    model = build("i3d")
    taps = tapped(registry.taps("i3d", model))
    disturber = ActivationDisturber(model, taps, seed=0, order="leading")
    cell = asked("conv", layers=16, rho=1e-9)
    images = clips("i3d")
    digests = []
    with torch.inference_mode():
        for sizes in ([32], [24], [32, 24], [24, 32]):
            with disturber.disturbed(cell, 0) as applied:
                for size in sizes:
                    model(images[..., :size, :size])
            digests.append(applied.sha256)
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]
