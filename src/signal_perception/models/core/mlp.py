"""The MLP of a transformer block, and the sub-layer around it."""

from collections.abc import Callable

import torch
from torch import nn

from signal_perception.models.core.portions import gelu, in_portions
from signal_perception.models.core.state import Tokens
from signal_perception.models.core.timm_layers import DropPath, LayerScale

Activation = Callable[[torch.Tensor], torch.Tensor]


class Mlp(nn.Module):
    """fc2(activation(fc1(x))) on every token by itself, (… c) → (… c)."""

    def __init__(
        self, dim: int, hidden: int, dropout: float = 0.0, activation: Activation | None = None
    ):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = activation or gelu
        self.drop1 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, dim)
        self.drop2 = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.reshape(-1, 1, x.shape[-1])
        tokens = in_portions(lambda part: self.fc2(self.drop1(self.act(self.fc1(part)))), tokens)
        return self.drop2(tokens.view(x.shape))


class MlpSublayer(nn.Module):
    """x + MLP(LayerNorm(x)) on every token by itself; its output is the stream after the block.

    layer_scale: start value of a factor per channel on what is added; 0: no such factor.
    """

    def __init__(
        self,
        mlp: nn.Module,
        dim: int,
        *,
        eps: float = 1e-6,
        layer_scale: float = 0.0,
        drop_path: float = 0.0,
    ):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.mlp = mlp
        self.scale = LayerScale(dim, layer_scale) if layer_scale else nn.Identity()
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        added = self.drop_path(self.scale(self.mlp(self.norm(tokens.x))))
        return tokens._replace(x=tokens.x + added)
