"""Networks of nothing but attention, with q, k and v in one matrix or apart, and their weights."""

import torch
from torch import nn

from signal_perception.models.core.taps import Weights

WIDTH = 6
LAYERS = 6


class Fused(nn.Module):
    """An attention that keeps q, k and v as rows of one matrix."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)


class Separate(nn.Module):
    """The same attention with q, k and v apart."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.proj = nn.Linear(WIDTH, WIDTH)


class Network(nn.Module):
    """Nothing but blocks of one kind of attention."""

    def __init__(self, attention):
        super().__init__()
        self.attentions = [attention() for _ in range(LAYERS)]
        self.blocks = nn.ModuleList(self.attentions)


def network(attention, dtype=torch.float32):
    model = Network(attention)
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(
                torch.linspace(-1, 1, parameter.numel()).view(parameter.shape) + 0.1 * i
            )
            parameter.view(-1)[0] = -0.0
    return model.to(dtype)


def fused_weights():
    weights = {
        part: [
            Weights(f"spatial_attn.{part}", b, f"blocks.{b}.qkv.weight", j * WIDTH, (j + 1) * WIDTH)
            for b in range(LAYERS)
        ]
        for j, part in enumerate("qkv")
    }
    weights["spatial_attn"] = [w for block in zip(*weights.values()) for w in block]
    weights["proj"] = [
        Weights("spatial_attn.proj", b, f"blocks.{b}.proj.weight", 0, WIDTH) for b in range(LAYERS)
    ]
    return weights


def separate_weights():
    weights = {
        part: [
            Weights(f"spatial_attn.{part}", b, f"blocks.{b}.{part}.weight", 0, WIDTH)
            for b in range(LAYERS)
        ]
        for part in "qkv"
    }
    weights["spatial_attn"] = [w for block in zip(*weights.values()) for w in block]
    return weights
