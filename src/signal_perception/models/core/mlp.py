"""The MLP of a transformer block."""

from collections.abc import Callable

import torch
from torch import nn

from signal_perception.models.core.portions import gelu, in_portions

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
