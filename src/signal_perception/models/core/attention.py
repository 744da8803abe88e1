"""Multi-head self-attention."""

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.portions import in_portions
from signal_perception.pipeline.errors import UserError


class Attention(nn.Module):
    """Multi-head self-attention, (b n c) → (b n c).

    Rows of `qkv`: all of q, all of k, all of v; inside each, head after head.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0, bias: bool = True):
        super().__init__()
        check_heads(dim, heads)
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj_drop(in_portions(lambda part: self.proj(self.mixed(part)), x))

    def mixed(self, x: torch.Tensor) -> torch.Tensor:
        """The values as attention mixes them, head after head, before the projection: (b n c)."""
        # b n 3 head d
        qkv = F.linear(x, self.qkv.weight, self.qkv_bias()).unflatten(-1, (3, self.heads, -1))
        # b head n d, views
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return self.attend(q, k, v).transpose(1, 2).flatten(2)

    def qkv_bias(self) -> torch.Tensor | None:
        """Bias of q, k and v, (3c,)."""
        return self.qkv.bias

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Softmax attention, (b head n d) each."""
        return F.scaled_dot_product_attention(q, k, v)


def check_heads(dim: int, heads: int) -> None:
    """Refuse a number of heads that does not divide the channels."""
    if dim % heads:
        raise UserError(
            f"The embed_dim = {dim} cannot be split among heads = {heads}: "
            f"choose a divisor of {dim}."
        )
