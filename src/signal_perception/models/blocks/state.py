"""What flows through a model: the state at block boundaries, and the forward pass as a list of steps between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch


class Tokens(NamedTuple):
    """A residual stream of tokens and the grid that its patch tokens fill: (frames t, rows h, columns w).

    video: a token of the whole video beside the stream, (b 1 c), where the model has one (UniFormer V2).
    """

    x: torch.Tensor
    grid: tuple[int, int, int]
    video: torch.Tensor | None = None


State = torch.Tensor | Tokens


@dataclass(frozen=True)
class Segment:
    """One step of a forward pass; between two steps lies a block boundary, where the state can be kept and continued from.

    name: "embed", "block.07", "head" or alike. block: number of the block it computes, None outside the blocks.
    """

    name: str
    block: int | None
    run: Callable[[State], State]


def fold(segments: Sequence[Segment], state: State) -> torch.Tensor:
    """Run the segments one after the other; what the last one returns are the logits."""
    logits = reduce(lambda before, segment: segment.run(before), segments, state)
    assert isinstance(logits, torch.Tensor)
    return logits
