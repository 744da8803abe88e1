"""Noise on what taps hear, at every kind of tap of every model."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from signal_perception.models.core import registry
from signal_perception.models.core.state import Tokens
from signal_perception.models.core.taps import Tap, canonical, capture
from signal_perception.noise import definitions
from signal_perception.noise.activations import ActivationDisturber
from signal_perception.noise.definitions import Cell
from signal_perception.noise.layers import tapped
from signal_perception.noise.options import Options
from tests.models.contract import build, clips, each_model, shared_model
from tests.support.disturbed import hooks


def asked(component, sigma=0.5, gamma=0.45, rho=1.0, *, layers, **more) -> Cell:
    setting = {"kind": "activations"} | more
    return definitions.cell(component, layers, sigma=sigma, gamma=gamma, rho=rho, **setting)


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
    disturber = ActivationDisturber(model, {kind: found}, Options(seed=0, order="leading"))
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
    disturber = ActivationDisturber(model, taps, Options(seed=0, scale="rel_fro"))
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
    disturber = ActivationDisturber(model, taps, Options(seed=0, scale="rel_fro", order="leading"))
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
    disturber = ActivationDisturber(model, taps, Options(seed=0, order="leading"))
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
