"""Where activations are recorded (`Tap`, `capture`); which weights can be disturbed (`Weights`).

Every tensor that leaves this module is a canonical activation: (b t h w c) in float32, without the
tokens that are no patches.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from einops import rearrange
from torch import nn

from signal_perception.models.core.state import State, Tokens
from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Tap:
    """A place in a model whose activation can be recorded.

    Parameters
    ----------
    name: "07.spatial_attn" for the residual stream after that sub-layer, "07.spatial_attn.branch"
        for what the sub-layer adds to it.
    kind: spatial_attn, temporal_attn, joint_attn, mlp, conv, local_attn or global_attn.
    block: number of the block, counted from 0 in execution order.
    side: "stream" or "branch".
    module: dotted name of the module whose output is recorded.
    layout: einops pattern of that output, e.g. "b (h w t) c", after dropping.
    drop: leading tokens that are no patches, on the axis of the layout that holds h.
    sublayer: dotted name of the module of the sub-layer; its input is the state before it. Equals
        `module` on the stream side.
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
    """Rows [start, stop) of a parameter's first dimension.

    They are a part of a component ("spatial_attn.q", "mlp", "conv", …) of a block.
    """

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
    """Branch and stream of one sub-layer: its part named `branch`, and the sub-layer itself.

    branch_layout: pattern and leading tokens of the branch, where they differ from the stream's.
    """
    name, (pattern, leading) = f"{block:02d}.{kind}", branch_layout or (layout, drop)
    part = f"{sublayer}.{branch}"
    return [
        Tap(f"{name}.branch", kind, block, "branch", part, pattern, leading, sublayer),
        Tap(name, kind, block, "stream", sublayer, layout, drop),
    ]


def weight(
    model: nn.Module, component: str, block: int, parameter: str, part: int = 0, parts: int = 1
) -> Weights:
    """All rows of a parameter, or one of `parts` equal groups of them."""
    rows = model.get_parameter(parameter).shape[0] // parts
    return Weights(component, block, parameter, part * rows, (part + 1) * rows)


def attention_weights(model: nn.Module, kind: str, block: int, attention: str) -> list[Weights]:
    """q, k, v and proj of a module with `qkv` and `proj`."""
    qkv = f"{attention}.qkv.weight"
    return [
        *(weight(model, f"{kind}.{letter}", block, qkv, i, 3) for i, letter in enumerate("qkv")),
        weight(model, f"{kind}.proj", block, f"{attention}.proj.weight"),
    ]


def mlp_weights(model: nn.Module, component: str, block: int, mlp: str) -> list[Weights]:
    """Both matrices of a module with `fc1` and `fc2`."""
    layers = ("fc1", "fc2")
    return [weight(model, component, block, f"{mlp}.{layer}.weight") for layer in layers]


@contextmanager
def follow(
    model: nn.Module,
    taps: Sequence[Tap],
    visit: Callable[[Tap, State, tuple[int, ...]], State | None],
) -> Iterator[None]:
    """Inside the context each forward of `model` calls `visit(tap, output, grid)` for every tap.

    Taps are visited as the model comes to them, with the output of their module and the grid that
    `canonical` asks for. What a visit answers takes the output's place; None leaves it there. The
    hooks are gone when the context ends, also after an error.
    """
    grids: dict[str, tuple[int, ...]] = {}

    def before(sublayer: str, _module: nn.Module, args: tuple[State, ...]) -> None:
        state = args[0]
        # a state that is no Tokens is a feature map (b c t h w)
        grids[sublayer] = state.grid if isinstance(state, Tokens) else tuple(state.shape[2:])

    def after(tap: Tap, _module: nn.Module, _args: object, output: State) -> State | None:
        return visit(tap, output, grids[tap.sublayer])

    with ExitStack() as hooks:
        for sublayer in dict.fromkeys(tap.sublayer for tap in taps):
            module = _module(model, sublayer)
            hooks.enter_context(module.register_forward_pre_hook(partial(before, sublayer)))
        for tap in taps:
            module = _module(model, tap.module)
            hooks.enter_context(module.register_forward_hook(partial(after, tap)))
        yield


@contextmanager
def listen(
    model: nn.Module, taps: Sequence[Tap], hear: Callable[[str, torch.Tensor], object]
) -> Iterator[None]:
    """Inside the context each forward of `model` calls `hear(name, activation)` for every tap.

    As `follow` visits them. An activation is canonical (b t h w c), float32, often a view of memory
    that the model goes on to use.
    """

    def visit(tap: Tap, output: State, grid: tuple[int, ...]) -> None:
        hear(tap.name, canonical(tap, output, grid).float())

    with follow(model, taps, visit):
        yield


@contextmanager
def capture(model: nn.Module, taps: Sequence[Tap]) -> Iterator[dict[str, torch.Tensor]]:
    """A dict that each forward of `model` inside the context fills.

    It maps tap name → canonical activation (b t h w c), float32. Gradients flow through the
    activations unless the forward runs without them. A later forward replaces what an earlier one
    put there.
    """
    found: dict[str, torch.Tensor] = {}
    with listen(model, taps, found.__setitem__):
        yield found


def canonical(tap: Tap, output: State, grid: tuple[int, ...]) -> torch.Tensor:
    """The output of a tap's module as (b t h w c), a view where the layout allows one.

    grid: (t, h, w) of the patch tokens, taken from the sub-layer's input. It is not used where the
    layout has t, h and w as axes.
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
            f"A tap asks for module '{name}', which {type(model).__name__} does not have: "
            f"take taps from registry.taps of this very model."
        ) from error
