"""I3D on ResNet-50: a 2-D residual network, some of whose kernels are inflated along time.

It is the I3D of the poster's Figure 1 (16 blocks).
Paper: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics
Dataset", CVPR 2017, arXiv 1705.07750; on ResNet-50: Wang, Girshick, Gupta and He, "Non-local Neural
Networks", CVPR 2018, arXiv 1711.07971. Code: github.com/open-mmlab/mmaction2,
mmaction/models/backbones/resnet3d.py and heads/i3d_head.py.

Released checkpoint, Kinetics-400 top-1 / top-5:
i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb_20220812-e213c223.pth, 73.47 / 91.27
(32 frames, stride 2, 10 × 3 views of 256 × 256; mean 123.675 116.28 103.53, std 58.395 57.12 57.375
of 255). Layouts that `from_checkpoint` knows: mmaction2's (under state_dict) and our own, which
leaves out "backbone.".

Particulars of the original: the stem halves time twice, its pool by dropping every other frame
(kernel 1, stride 2); one more pool halves time after the first stage, no block does. Within a
bottleneck only the first kernel is inflated (3×1×1), in every second block, and in the last stage
in its middle block alone. A block's stream is what leaves its last ReLU; its branch is what is
added to the shortcut before.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.names import renamed
from signal_perception.models.core.state import Segment, State, fold
from signal_perception.models.core.taps import Tap, Weights, sublayer_taps, weight
from signal_perception.pipeline.errors import UserError

# per stage and block: whether conv1 is 3×1×1
_INFLATED = ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0))
_PLANES = (64, 128, 256, 512)
_EXPANSION = 4

Size = tuple[int, int, int]


@dataclass(frozen=True)
class Network:
    """Network numbers; I3D-ResNet-50 by default.

    Parameters
    ----------
    width: factor on all channel counts, 1/8 for a tiny network.
    dropout: share of pooled features dropped while training.
    """

    width: float = 1.0
    dropout: float = 0.5


def build(num_classes: int, network: Network) -> "ResNetI3d":
    """A fresh model."""
    if network.width <= 0:
        raise UserError(f"Model i3d has width = {network.width}: choose a positive number.")
    return ResNetI3d(num_classes, network)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """mmaction2's names without "backbone.", the head's as `head`; our own as they are."""
    return renamed(state, ((r"backbone\.", ""), (r"cls_head\.fc_cls\.", "head.")))


def taps(model: "ResNetI3d") -> list[Tap]:
    """The 16 bottlenecks: what each adds (branch), and its output (stream)."""
    return [
        tap
        for i, (name, _) in enumerate(model.bottlenecks())
        for tap in sublayer_taps(i, "conv", name, "b c t h w", 0, "conv3")
    ]


def segments(model: "ResNetI3d") -> list[Segment]:
    """stem, the 16 bottlenecks (the last of the first stage with the pool after it), head."""
    steps = [Segment("stem", None, model.stem)]
    for i, (name, block) in enumerate(model.bottlenecks()):
        last_of_first = i == len(_INFLATED[0]) - 1
        steps.append(Segment(name, i, partial(_pooled, block) if last_of_first else block))
    return [*steps, Segment("head", None, model.classify)]


def weights(model: "ResNetI3d") -> list[Weights]:
    """conv: the kernels of each bottleneck, that of its shortcut among them."""
    return [
        weight(model, "conv", i, f"{name}.{part}.weight")
        for i, (name, block) in enumerate(model.bottlenecks())
        for part, module in block.named_modules()
        if isinstance(module, nn.Conv3d)
    ]


class ResNetI3d(nn.Module):
    """(b 3 t h w) → (b classes).

    Names of modules and parameters are mmaction2's, without "backbone.".
    """

    classifier = "head"

    def __init__(self, num_classes: int, network: Network):
        super().__init__()
        planes = [max(1, round(channels * network.width)) for channels in _PLANES]
        self.conv1 = _Unit(3, planes[0], (5, 7, 7), (2, 2, 2))
        channels = planes[0]
        for stage, inflated in enumerate(_INFLATED):
            blocks = []
            for i, inflate in enumerate(inflated):
                stride = 2 if stage and not i else 1
                block = _Bottleneck(channels, planes[stage], bool(inflate), stride, shortcut=not i)
                blocks.append(block)
                channels = planes[stage] * _EXPANSION
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(network.dropout)
        self.head = nn.Linear(channels, num_classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def bottlenecks(self) -> list[tuple[str, nn.Module]]:
        """Name and module of each bottleneck, in execution order."""
        return [
            (f"layer{stage}.{i}", block)
            for stage in range(1, len(_INFLATED) + 1)
            for i, block in enumerate(self.get_submodule(f"layer{stage}").children())
        ]

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        blocks = [(rf"^{name}\.", (i,)) for i, (name, _) in enumerate(self.bottlenecks())]
        return {"stem": "^conv1", "blocks": blocks}

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def stem(self, clip: State) -> torch.Tensor:
        """Clip (b 3 t h w) → (b c t/4 h/4 w/4).

        From here on, channels lie last in memory, which convolutions are quicker with.
        """
        assert isinstance(clip, torch.Tensor)
        x = self.conv1(clip.contiguous(memory_format=torch.channels_last_3d))
        # as the pool would, whose kernel covers one frame and whose stride is two
        x = x[:, :, ::2]
        return F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))

    def classify(self, x: State) -> torch.Tensor:
        """Last feature map (b c t h w) → (b classes)."""
        assert isinstance(x, torch.Tensor)
        return self.head(self.dropout(x.mean((2, 3, 4))))


class _Unit(nn.Module):
    """Convolution without bias → batch normalisation → ReLU, if wanted.

    The convolution is padded to preserve its size at stride 1.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel: Size,
        stride: Size = (1, 1, 1),
        relu: bool = True,
    ):
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(channels, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm3d(outputs)
        self.relu = relu
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


class _Bottleneck(nn.Module):
    """ReLU(shortcut(x) + conv3(conv2(conv1(x)))).

    Kernels: 1×1×1 or 3×1×1 → 1×3×3 with the stride → 1×1×1.
    """

    def __init__(self, channels: int, planes: int, inflate: bool, stride: int, *, shortcut: bool):
        super().__init__()
        strides, outputs = (1, stride, stride), planes * _EXPANSION
        self.conv1 = _Unit(channels, planes, (3 if inflate else 1, 1, 1))
        self.conv2 = _Unit(planes, planes, (1, 3, 3), strides)
        self.conv3 = _Unit(planes, outputs, (1, 1, 1), relu=False)
        self.downsample = (
            _Unit(channels, outputs, (1, 1, 1), strides, relu=False) if shortcut else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.downsample(x) + self.conv3(self.conv2(self.conv1(x))))


def _pooled(block: nn.Module, x: State) -> torch.Tensor:
    """A block, then the larger of every two frames."""
    return F.max_pool3d(block(x), (2, 1, 1), (2, 1, 1))
