"""Convolution of every channel by itself."""

import torch
from torch import nn


class DepthwiseConv3d(nn.Conv3d):
    """`nn.Conv3d` with as many groups as channels: (b c t h w) → (b c t h w).

    On a GPU its input is laid out channel by channel first: what comes out of a transposition is
    not, and cuDNN then falls back to kernels that take several times as long.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input.contiguous() if input.is_cuda else input)
