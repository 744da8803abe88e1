"""The sub-layers of a transformer block, each a module whose output is the residual stream after it."""

from collections.abc import Callable

import torch
from timm.layers.drop import DropPath
from timm.layers.layer_scale import LayerScale
from torch import nn
from torch.nn import functional as F

from signal_perception.errors import UserError
from signal_perception.models.blocks.state import Tokens

Activation = Callable[[torch.Tensor], torch.Tensor]

PORTION = 2048  # tokens: on a CPU, larger intermediate tensors come from fresh pages of memory each time


def frugal(x: torch.Tensor) -> bool:
    """Whether memory traffic counts more than the number of calls: on a CPU, without gradients."""
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def in_portions(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """function(x) for a function that treats the sequences of a batch (b n c) one by one.

    Where `frugal`, it goes through the batch in portions of about 2048 tokens, whose intermediate tensors stay in memory
    that is already mapped and partly in the cache.
    """
    count = max(1, PORTION // x.shape[1])
    if not frugal(x) or x.shape[0] <= count:
        return function(x)
    return torch.cat([function(portion) for portion in x.split(count)])


def gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU; without gradients it overwrites x, which spares a large new tensor."""
    return F.gelu(x) if torch.is_grad_enabled() else torch.ops.aten.gelu_(x)


def quick_gelu(x: torch.Tensor) -> torch.Tensor:
    """x·sigmoid(1.702·x); without gradients it overwrites x."""
    return x * torch.sigmoid(1.702 * x) if torch.is_grad_enabled() else x.mul_((1.702 * x).sigmoid_())


class Attention(nn.Module):
    """Multi-head self-attention, (b n c) → (b n c). Rows of `qkv`: all of q, all of k, all of v; inside each, head after head."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.0, bias: bool = True):
        super().__init__()
        if dim % heads:
            raise UserError(f"embed_dim = {dim} cannot be split among heads = {heads}: choose a divisor of {dim}")
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj_drop(in_portions(lambda part: self.proj(self.mixed(part)), x))

    def mixed(self, x: torch.Tensor) -> torch.Tensor:
        """The values as the attention mixes them, head after head, before the projection: (b n c)."""
        qkv = F.linear(x, self.qkv.weight, self.qkv_bias()).unflatten(-1, (3, self.heads, -1))  # b n 3 head d
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # b head n d, views
        return self.attend(q, k, v).transpose(1, 2).flatten(2)

    def qkv_bias(self) -> torch.Tensor | None:
        """Bias of q, k and v, (3c,)."""
        return self.qkv.bias

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Softmax attention, (b head n d) each."""
        return F.scaled_dot_product_attention(q, k, v)


class Mlp(nn.Module):
    """fc2(activation(fc1(x))) on every token by itself, (… c) → (… c)."""

    def __init__(self, dim: int, hidden: int, dropout: float = 0.0, activation: Activation | None = None):
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


class AttentionSublayer(nn.Module):
    """x + Attention(LayerNorm(x)) among all tokens; `layer_scale`: start value of a factor per channel on what is added."""

    def __init__(
        self, attention: nn.Module, dim: int, *, eps: float = 1e-6, layer_scale: float = 0.0, drop_path: float = 0.0
    ):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.attn = attention
        self.scale = LayerScale(dim, layer_scale) if layer_scale else nn.Identity()
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens._replace(x=tokens.x + self.drop_path(self.scale(self.attn(self.norm(tokens.x)))))


class MlpSublayer(nn.Module):
    """x + MLP(LayerNorm(x)) on every token by itself; its output is the residual stream after the block."""

    def __init__(
        self, mlp: nn.Module, dim: int, *, eps: float = 1e-6, layer_scale: float = 0.0, drop_path: float = 0.0
    ):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.mlp = mlp
        self.scale = LayerScale(dim, layer_scale) if layer_scale else nn.Identity()
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens._replace(x=tokens.x + self.drop_path(self.scale(self.mlp(self.norm(tokens.x)))))


def init_linear(module: nn.Module) -> None:
    """A start for `model.apply` that suits any width: Linear weights uniform as Glorot has it, their biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def rising(rate: float, depth: int) -> list[float]:
    """Drop-path rates of `depth` blocks, rising linearly from 0 in the first to `rate` in the last."""
    return [rate * block / max(depth - 1, 1) for block in range(depth)]
