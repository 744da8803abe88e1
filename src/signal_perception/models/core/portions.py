"""Arithmetic on a CPU that spares memory traffic: small portions, and results written in place."""

from collections.abc import Callable

import torch
from torch.nn import functional as F

# On a CPU, intermediate tensors of more tokens come from fresh pages of memory each time.
PORTION_TOKENS = 2048


def is_memory_bound(x: torch.Tensor) -> bool:
    """Whether memory traffic counts more than the number of calls: on a CPU, without gradients."""
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def in_portions(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """function(x), for a function that treats the sequences of a batch (b n c) one by one.

    Where `is_memory_bound`, the batch goes through in portions of about 2048 tokens. Their
    intermediate tensors stay in memory that is already mapped and partly in the cache.
    """
    count = max(1, PORTION_TOKENS // x.shape[1])
    if not is_memory_bound(x) or x.shape[0] <= count:
        return function(x)
    return torch.cat([function(portion) for portion in x.split(count)])


def gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU; without gradients it overwrites x, which spares a large new tensor."""
    return F.gelu(x) if torch.is_grad_enabled() else torch.ops.aten.gelu_(x)


def quick_gelu(x: torch.Tensor) -> torch.Tensor:
    """x·sigmoid(1.702·x); without gradients it overwrites x."""
    if torch.is_grad_enabled():
        return x * torch.sigmoid(1.702 * x)
    return x.mul_((1.702 * x).sigmoid_())
