"""What every model promises of its taps."""

from functools import partial

import pytest
import torch
from torch import nn

from signal_perception.models.core import registry
from signal_perception.models.core.state import State, Tokens
from signal_perception.models.core.taps import Tap, canonical, capture
from signal_perception.pipeline.errors import UserError
from tests.models.contract import clips, each_size, shared_model

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = {"spatial_attn", "temporal_attn", "joint_attn", "mlp", "conv", "local_attn", "global_attn"}
WITHIN_A_FRAME = {"spatial_attn", "mlp"}


@each_size
def test_taps_are_ordered_unique_and_named_by_rule(name: str, size: str) -> None:
    taps = registry.taps(name, shared_model(name, size))
    assert taps
    assert len({tap.name for tap in taps}) == len(taps)
    assert [tap.block for tap in taps] == sorted(tap.block for tap in taps)
    assert {tap.block for tap in taps} == set(range(taps[-1].block + 1))
    for tap in taps:
        assert tap.kind in KINDS
        # a block may have a second sub-layer of the same kind
        number = "_2" if f"{tap.kind}_2" in tap.name else ""
        side = {"stream": "", "branch": ".branch"}[tap.side]
        assert tap.name == f"{tap.block:02d}.{tap.kind}{number}{side}"
        assert (tap.module == tap.sublayer) is (tap.side == "stream")


@each_size
def test_taps_come_in_the_order_of_execution(name: str, size: str) -> None:
    model = shared_model(name, size)
    taps, order = registry.taps(name, model), []
    handles = [
        model.get_submodule(tap.module).register_forward_hook(
            lambda *_, name=tap.name: order.append(name)
        )
        for tap in taps
    ]
    with torch.inference_mode():
        model(clips(name, size))
    for handle in handles:
        handle.remove()
    assert order == [tap.name for tap in taps]


@each_size
def test_captured_activations_are_canonical_and_hooks_do_not_stay(name: str, size: str) -> None:
    model = shared_model(name, size)
    taps = registry.taps(name, model)
    with torch.inference_mode(), capture(model, taps) as found:
        assert hooks(model) > 0
        model(clips(name, size))
        first = dict(found)
        model(clips(name, size) + 1)
    assert hooks(model) == 0
    assert list(found) == [tap.name for tap in taps]
    for tap in taps:
        assert found[tap.name].dtype == torch.float32
        assert found[tap.name].ndim == 5
        assert found[tap.name].shape[0] == 2
        # each forward fills it anew
        assert not torch.equal(first[tap.name], found[tap.name])
    sublayers: dict[str, set[torch.Size]] = {tap.sublayer: set() for tap in taps}
    for tap in taps:
        sublayers[tap.sublayer].add(found[tap.name].shape)
    # branch and stream agree
    assert all(len(shapes) == 1 for shapes in sublayers.values())

    with pytest.raises(ZeroDivisionError), capture(model, taps):
        assert hooks(model) > 0
        _ = 1 / 0
    assert hooks(model) == 0


def test_a_tap_of_another_model_is_refused() -> None:
    model = shared_model("i3d_inception")
    foreign = Tap("00.mlp", "mlp", 0, "stream", "blocks.0", "")
    refused = pytest.raises(UserError, match=r"'blocks\.0'.*InceptionI3d.*of this very model\.")
    with refused, capture(model, [foreign]):
        pass
    assert hooks(model) == 0


@each_size
def test_locality_proves_every_label(name: str, size: str) -> None:
    """Change one frame of a sub-layer's input.

    spatial_attn and mlp answer in that frame alone, all other kinds elsewhere too. Of the
    bottlenecks of I3D-ResNet, only those with an inflated kernel reach beyond a frame.
    """
    model = shared_model(name, size)
    taps = registry.taps(name, model)
    # a stream has one layout before and after its sub-layer
    inputs = {tap.sublayer: tap for tap in taps if tap.side == "stream"}
    clean = activations(model, taps, name, size)
    changed = 1
    # a forward pass for each: the first and the last block will do
    if size == "base":
        inputs = {path: tap for path, tap in inputs.items() if tap.block in (0, taps[-1].block)}
    for sublayer, stream in inputs.items():
        hook = partial(with_noise_in_frame, stream, changed)
        with model.get_submodule(sublayer).register_forward_pre_hook(hook):
            disturbed = activations(model, taps, name, size)
        for tap in taps:
            if tap.sublayer != sublayer:
                continue
            difference = (disturbed[tap.name] - clean[tap.name]).abs().amax((0, 2, 3, 4))
            elsewhere = torch.arange(len(difference)) != changed
            assert len(difference) > 1, f"{tap.name} has one frame: give the small network more"
            assert difference[changed] > 1e-3, tap.name
            if tap.kind in WITHIN_A_FRAME or (tap.kind == "conv" and is_flat(model, sublayer)):
                assert difference[elsewhere].max() == 0, tap.name
            else:
                assert difference[elsewhere].max() > 1e-4, tap.name


def with_noise_in_frame(
    stream: Tap, frame: int, _module: nn.Module, args: tuple[State, ...]
) -> tuple[State, ...]:
    """A sub-layer's input with noise added to one frame."""
    state = args[0]
    x = (state.x if isinstance(state, Tokens) else state).clone()
    grid = state.grid if isinstance(state, Tokens) else tuple(x.shape[2:])
    view = canonical(stream, x, grid)
    assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    view[:, frame] += torch.randn_like(view[:, frame])
    return (state._replace(x=x) if isinstance(state, Tokens) else x,)


def is_flat(model: nn.Module, sublayer: str) -> bool:
    """Whether every convolution of a sub-layer covers a single frame."""
    modules = model.get_submodule(sublayer).modules()
    return all(each.kernel_size[0] == 1 for each in modules if isinstance(each, nn.Conv3d))


def activations(model: nn.Module, taps: list[Tap], name: str, size: str) -> dict[str, torch.Tensor]:
    """What the taps record of the clips."""
    with torch.inference_mode(), capture(model, taps) as found:
        model(clips(name, size))
    return found


def hooks(model: nn.Module) -> int:
    """Number of hooks on all modules of a model."""
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )
