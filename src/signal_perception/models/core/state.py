"""What flows through a model: the state at block boundaries, and the steps between them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch
from torch import nn


class Tokens(NamedTuple):
    """A residual stream of tokens and the grid of its patch tokens: (frames t, rows h, columns w).

    video: a token of the whole video beside the stream, (b 1 c), where there is one (UniFormer V2).
    """

    x: torch.Tensor
    grid: tuple[int, int, int]
    video: torch.Tensor | None = None


State = torch.Tensor | Tokens


@dataclass(frozen=True)
class Segment:
    """One step of a forward pass.

    Between two steps lies a block boundary: the state there can be stored and continued from.
    name: "embed", "block.07", "head" or alike. block: number of the block that the step computes,
    None outside the blocks.
    """

    name: str
    block: int | None
    run: Callable[[State], State]


def embed_blocks_head(
    embed: Callable[[State], State],
    blocks: Iterable[Callable[[State], State]],
    head: Callable[[State], State],
) -> list[Segment]:
    """The segments of most transformers: "embed", "block.00", "block.01", …, "head"."""
    steps = [Segment(f"block.{i:02d}", i, block) for i, block in enumerate(blocks)]
    return [Segment("embed", None, embed), *steps, Segment("head", None, head)]


def fold(segments: Sequence[Segment], state: State) -> torch.Tensor:
    """Run the segments one after the other; what the last one returns are the logits."""
    logits = reduce(lambda before, segment: segment.run(before), segments, state)
    assert isinstance(logits, torch.Tensor)
    return logits


def chain(modules: Sequence[nn.Module], state: State) -> State:
    """Run the modules one after the other."""
    for module in modules:
        state = module(state)
    return state
