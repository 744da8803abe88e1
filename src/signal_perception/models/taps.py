"""Where a model is listened to (`Tap`, `capture`) and which of its weights can be disturbed (`Weights`).

Every tensor that leaves this module is a canonical activation, (b t h w c) in float32, with tokens that are no patches dropped.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from einops import rearrange
from torch import nn

from signal_perception.errors import UserError
from signal_perception.models.blocks import State, Tokens


@dataclass(frozen=True)
class Tap:
    """A place in a model.

    Parameters
    ----------
    name: "07.spatial_attn" for the residual stream after that sub-layer, "07.spatial_attn.branch" for what the sub-layer adds to it.
    kind: spatial_attn, temporal_attn, joint_attn, mlp, conv, local_attn or global_attn.
    block: number of the block, counted from 0 in execution order.
    side: "stream" or "branch".
    module: dotted name of the module whose output is meant.
    layout: einops pattern of that output, e.g. "b (h w t) c", after dropping.
    drop: leading tokens that are no patches, on the axis of the layout that holds h.
    sublayer: dotted name of the module that is the whole sub-layer; its input is the state before it. Equals `module` on the stream side.
    """

    name: str
    kind: str
    block: int
    side: str
    module: str
    layout: str
    drop: int = 0
    sublayer: str = ""

    def __post_init__(self) -> None:
        if not self.sublayer:
            object.__setattr__(self, "sublayer", self.module)


@dataclass(frozen=True)
class Weights:
    """Rows [start, stop) of a parameter's first dimension, part of a component ("spatial_attn.q", "mlp", "conv", …) of a block."""

    component: str
    block: int
    parameter: str
    start: int
    stop: int


def sublayer_taps(
    block: int,
    kind: str,
    sublayer: str,
    layout: str,
    drop: int,
    branch: str,
    branch_layout: tuple[str, int] | None = None,
) -> list[Tap]:
    """Branch and stream of one sub-layer: its part named `branch` (whose layout may differ: pattern, leading tokens), and itself."""
    name, (pattern, leading) = f"{block:02d}.{kind}", branch_layout or (layout, drop)
    return [
        Tap(f"{name}.branch", kind, block, "branch", f"{sublayer}.{branch}", pattern, leading, sublayer),
        Tap(name, kind, block, "stream", sublayer, layout, drop),
    ]


def weight(model: nn.Module, component: str, block: int, parameter: str, part: int = 0, parts: int = 1) -> Weights:
    """A whole parameter, or one of `parts` equal groups of its rows."""
    rows = model.get_parameter(parameter).shape[0] // parts
    return Weights(component, block, parameter, part * rows, (part + 1) * rows)


def attention_weights(model: nn.Module, kind: str, block: int, attention: str) -> list[Weights]:
    """q, k, v and proj of a module with `qkv` and `proj`."""
    return [
        *(weight(model, f"{kind}.{letter}", block, f"{attention}.qkv.weight", i, 3) for i, letter in enumerate("qkv")),
        weight(model, f"{kind}.proj", block, f"{attention}.proj.weight"),
    ]


def mlp_weights(model: nn.Module, component: str, block: int, mlp: str) -> list[Weights]:
    """Both matrices of a module with `fc1` and `fc2`."""
    return [weight(model, component, block, f"{mlp}.{layer}.weight") for layer in ("fc1", "fc2")]


@contextmanager
def capture(model: nn.Module, taps: Sequence[Tap]) -> Iterator[dict[str, torch.Tensor]]:
    """A dict that each forward of `model` inside the context fills: tap name → canonical activation (b t h w c), float32.

    Gradients flow through the activations unless the forward runs without them. The hooks are gone when the context ends, also after
    an error; a later forward replaces what an earlier one put there.
    """
    found: dict[str, torch.Tensor] = {}
    grids: dict[str, tuple[int, ...]] = {}

    def before(sublayer: str, _module: nn.Module, args: tuple[State, ...]) -> None:
        grids[sublayer] = args[0].grid if isinstance(args[0], Tokens) else tuple(args[0].shape[2:])  # else (b c t h w)

    def after(tap: Tap, _module: nn.Module, _args: object, output: State) -> None:
        found[tap.name] = canonical(tap, output, grids[tap.sublayer]).float()

    with ExitStack() as hooks:
        for sublayer in dict.fromkeys(tap.sublayer for tap in taps):
            hooks.enter_context(_module(model, sublayer).register_forward_pre_hook(partial(before, sublayer)))
        for tap in taps:
            hooks.enter_context(_module(model, tap.module).register_forward_hook(partial(after, tap)))
        yield found


def canonical(tap: Tap, output: State, grid: tuple[int, ...]) -> torch.Tensor:
    """The output of a tap's module as (b t h w c), a view where the layout allows one.

    grid: (t, h, w) of the patch tokens, taken from the sub-layer's input; of no account where the layout has t, h and w as axes.
    """
    x = output.x if isinstance(output, Tokens) else output
    if tap.drop:
        axes = re.findall(r"\([^)]*\)|\S+", tap.layout)
        axis = next(i for i, axis in enumerate(axes) if "h" in axis.strip("()").split())
        x = x.narrow(axis, tap.drop, x.shape[axis] - tap.drop)
    joined = "".join(re.findall(r"\([^)]*\)", tap.layout))
    sizes = {axis: size for axis, size in zip("thw", grid) if axis in joined}
    return rearrange(x, f"{tap.layout} -> b t h w c", **sizes)


def _module(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError as error:
        raise UserError(
            f"a tap asks for module '{name}', which {type(model).__name__} does not have: take taps from models.taps of this very model"
        ) from error
