"""Building pieces that every model file shares: the state between segments, the segments themselves, attention and the MLP sub-layer.

Shape letters: b batch, t time, h height, w width, c channels, n tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from signal_perception.errors import UserError


class Tokens(NamedTuple):
    """A residual stream of tokens and the grid that its patch tokens fill: (frames t, rows h, columns w)."""

    x: torch.Tensor
    grid: tuple[int, int, int]


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


class Attention(nn.Module):
    """Multi-head self-attention, (b n c) → (b n c). Rows of `qkv`: all of q, all of k, all of v; inside each, head after head."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if dim % heads:
            raise UserError(f"embed_dim = {dim} cannot be split among heads = {heads}: choose a divisor of {dim}")
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # b n 3 head d
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # b head n d, views
        x = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # b n c
        return self.proj_drop(self.proj(x))


class MlpSublayer(nn.Module):
    """x + MLP(LayerNorm(x)) on every token by itself; its output is the residual stream after the block."""

    def __init__(self, dim: int, ratio: float, dropout: float = 0.0, drop_path: float = 0.0):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, round(dim * ratio), drop=dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        return Tokens(tokens.x + self.drop_path(self.mlp(self.norm(tokens.x))), tokens.grid)


def init_linear(module: nn.Module) -> None:
    """A start for `model.apply` that suits any width: Linear weights uniform as Glorot has it, their biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def renamed(state: Mapping[str, torch.Tensor], ours: Callable[[str], str]) -> dict[str, torch.Tensor]:
    """A state dict with every key put through `ours`; two keys that would become one are an error."""
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        if (name := ours(key)) in found:
            raise UserError(f"these weights hold '{name}' twice, once as '{key}': use a file with one layout")
        found[name] = value
    return found
