"""The sub-layer of a transformer block: a branch that is added to the residual stream."""

import torch
from torch import nn

from signal_perception.models.core.state import Tokens
from signal_perception.models.core.timm_layers import DropPath, LayerScale


class Sublayer(nn.Module):
    """x + branch(LayerNorm(x)); its output is the residual stream after it.

    Parameters
    ----------
    name: attribute under which the branch stands ("attn", "mlp"); its weights' names begin with it.
    branch: (b n c) → (b n c), attention among all tokens or an MLP on every token by itself.
    layer_scale: start value of a factor per channel on what is added; 0: no such factor.
    """

    def __init__(
        self,
        name: str,
        branch: nn.Module,
        dim: int,
        *,
        eps: float = 1e-6,
        layer_scale: float = 0.0,
        drop_path: float = 0.0,
    ):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.branch_name = name
        self.add_module(name, branch)
        self.scale = LayerScale(dim, layer_scale) if layer_scale else nn.Identity()
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        branch = getattr(self, self.branch_name)
        added: torch.Tensor = self.drop_path(self.scale(branch(self.norm(tokens.x))))
        return tokens._replace(x=tokens.x + added)
