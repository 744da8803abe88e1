"""UniFormer: local, convolution-like relations in two shallow stages, attention in two deep ones.

Paper: Li, Wang, Gao, Song, Liu, Li and Qiao, "UniFormer: Unified Transformer for Efficient
Spatiotemporal Representation Learning", ICLR 2022, arXiv 2201.04676. Code:
github.com/Sense-X/UniFormer, video_classification/slowfast/models/uniformer.py.

Released checkpoints, Kinetics-400 top-1 (the repository's README; 4 × 1 views):
uniformer_small_k400_8x8.pth 78.4, _16x4.pth 80.8, _16x8.pth 80.8; uniformer_base_k400_8x8.pth 79.8,
_16x4.pth 82.0, _16x8.pth 81.7, _32x4.pth 82.9. mmaction2's port of Base:
uniformer-base_imagenet1k-pre_16x4x1_kinetics400-rgb_20221219-157c2e66.pth, 82.0 / top-5 95.0, its
head in mmaction2's order of classes. Layouts that `from_checkpoint` knows: the authors' (bare, or
under model_state), mmaction2's (under state_dict), and our own. Small has `depths: [3, 4, 8, 3]`.

Names here are the authors', except that each block groups its parts by sub-layer (dpe, local_attn
or joint_attn, mlp). Particulars of the original: every block begins with a depth-wise 3×3×3
convolution on the stream (dpe, the dynamic position embedding); blocks of stages 1 and 2 normalise
by batch, the others by layer with eps 1e-6; patch embeddings normalise with eps 1e-5; time is
halved by the first patch embedding alone. mmaction2's own network has eps 1e-5 in stages 3 and 4:
with its weights too, this one has the authors' 1e-6. There are no tables, so clips of any size are
taken. The stream is a feature map (b c t h w), channels last in memory.
"""

import itertools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.attention import Attention
from signal_perception.models.core.depthwise import DepthwiseConv3d
from signal_perception.models.core.mlp import Mlp
from signal_perception.models.core.names import renamed
from signal_perception.models.core.portions import gelu, in_portions
from signal_perception.models.core.state import Segment, State, fold
from signal_perception.models.core.taps import (
    Tap,
    Weights,
    attention_weights,
    mlp_weights,
    sublayer_taps,
    weight,
)
from signal_perception.models.core.timm_layers import DropPath
from signal_perception.models.core.training import drop_path_rates, init_linear
from signal_perception.pipeline.errors import UserError

_STAGES = (1, 2, 3, 4)
_MAP = "b c t h w"
# convolutions of a local_attn
_LOCAL_CONVOLUTIONS = ("conv1", "attn", "conv2")


@dataclass(frozen=True)
class Network:
    """Network numbers; UniFormer-Base by default.

    Parameters
    ----------
    depths, embed_dims: blocks and channels of the four stages.
    head_dim: channels of an attention head.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: inside attentions and MLPs.
    overlapping_patches: patch embeddings of stages 2 to 4 see three frames (STD in the authors'
        configuration; not in their releases).
    split_attention: attention along time, then within frames, instead of among all tokens (SPLIT;
        not in the releases).
    """

    depths: tuple[int, int, int, int] = (5, 8, 20, 7)
    embed_dims: tuple[int, int, int, int] = (64, 128, 320, 512)
    head_dim: int = 64
    mlp_ratio: float = 4.0
    drop_path: float = 0.3
    dropout: float = 0.0
    overlapping_patches: bool = False
    split_attention: bool = False


def build(num_classes: int, network: Network) -> "UniFormer":
    """A fresh model."""
    if any(dim % network.head_dim for dim in network.embed_dims[2:]):
        raise UserError(
            f"The embed_dims = {network.embed_dims} cannot be split into heads of head_dim = "
            f"{network.head_dim} in stages 3 and 4: choose a common divisor of these two."
        )
    return UniFormer(num_classes, network)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout in our names; unknown names stay, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: "UniFormer") -> list[Tap]:
    """Per block local_attn (stages 1 and 2) or joint_attn (3 and 4), and mlp.

    With split attention there is also the branch of temporal_attn, inside joint_attn.
    """
    found = []
    for i, (path, block) in enumerate(model.named_blocks()):
        if hasattr(block, "local_attn"):
            found += sublayer_taps(i, "local_attn", f"{path}.local_attn", _MAP, 0, "conv2")
            found += sublayer_taps(i, "mlp", f"{path}.mlp", _MAP, 0, "mlp")
            continue
        sublayer, layout = f"{path}.joint_attn", "b (t h w) c"
        if isinstance(block.joint_attn, _SplitAttention):
            found.append(_temporal_tap(i, sublayer))
            layout = "(b t) (h w) c"
        found += sublayer_taps(i, "joint_attn", sublayer, _MAP, 0, "attn", (layout, 0))
        found += sublayer_taps(i, "mlp", f"{path}.mlp", _MAP, 0, "mlp", ("b (t h w) c", 0))
    return found


def segments(model: "UniFormer") -> list[Segment]:
    """patch_embed1, the blocks with the patch embeddings of the later stages between them, head."""
    steps, count = [], itertools.count()
    for stage in _STAGES:
        name = f"patch_embed{stage}"
        steps.append(Segment(name, None, model.get_submodule(name)))
        blocks = model.get_submodule(f"blocks{stage}").children()
        steps += [Segment(f"block.{i:02d}", i, block) for block, i in zip(blocks, count)]
    return [*steps, Segment("head", None, model.classify)]


def weights(model: "UniFormer") -> list[Weights]:
    """dpe (its kernel), local_attn or joint_attn, mlp (both matrices).

    Of local_attn the three kernels; of joint_attn q, k, v, proj (split: of temporal_attn too).
    """
    found = []
    for i, (path, block) in enumerate(model.named_blocks()):
        found.append(weight(model, "dpe", i, f"{path}.dpe.conv.weight"))
        if hasattr(block, "local_attn"):
            for part in _LOCAL_CONVOLUTIONS:
                kernel = f"{path}.local_attn.{part}.weight"
                found.append(weight(model, "local_attn", i, kernel))
        else:
            if isinstance(block.joint_attn, _SplitAttention):
                found += attention_weights(model, "temporal_attn", i, f"{path}.joint_attn.t_attn")
            found += attention_weights(model, "joint_attn", i, f"{path}.joint_attn.attn")
        found += mlp_weights(model, "mlp", i, f"{path}.mlp.mlp")
    return found


class UniFormer(nn.Module):
    """(b 3 t h w) → (b classes)."""

    classifier = "head"

    def __init__(self, num_classes: int, network: Network):
        super().__init__()
        dims = network.embed_dims
        rates = iter(drop_path_rates(network.drop_path, sum(network.depths)))
        for stage, depth, channels, dim in zip(_STAGES, network.depths, (3, *dims), dims):
            side, time = (4, 2) if stage == 1 else (2, 1)
            frames = 3 if network.overlapping_patches or stage == 1 else 1
            patch_embed = _PatchEmbed(channels, dim, frames, time, side)
            self.add_module(f"patch_embed{stage}", patch_embed)
            blocks = [_block(network, stage, dim, next(rates)) for _ in range(depth)]
            self.add_module(f"blocks{stage}", nn.Sequential(*blocks))
        self.norm = nn.BatchNorm3d(dims[-1])
        self.head = nn.Linear(dims[-1], num_classes)
        self.apply(init_linear)

    def named_blocks(self) -> list[tuple[str, nn.Module]]:
        """Name and module of each block, in execution order through the four stages."""
        return [
            (f"blocks{stage}.{i}", block)
            for stage in _STAGES
            for i, block in enumerate(self.get_submodule(f"blocks{stage}").children())
        ]

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        blocks = [(rf"^{path}\.", (i,)) for i, (path, _) in enumerate(self.named_blocks())]
        later = [(r"^patch_embed[234]", (0,)), (r"^norm", (99999,))]
        return {"stem": "^patch_embed1", "blocks": [*blocks, *later]}

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def classify(self, x: State) -> torch.Tensor:
        """Last feature map (b c t h w) → (b classes)."""
        assert isinstance(x, torch.Tensor)
        return self.head(self.norm(x).mean((2, 3, 4)))


class _PatchEmbed(nn.Module):
    """Convolution to a coarser grid, then LayerNorm over the channels."""

    def __init__(self, channels: int, dim: int, frames: int, time: int, side: int):
        super().__init__()
        kernel, stride, padding = (frames, side, side), (time, side, side), (frames // 2, 0, 0)
        self.proj = nn.Conv3d(channels, dim, kernel, stride, padding)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.proj(x.contiguous(memory_format=torch.channels_last_3d))
        return _channels_first(self.norm(_channels_last(x)))


class _PositionEmbedding(nn.Module):
    """x + depth-wise 3×3×3 convolution of x."""

    def __init__(self, dim: int):
        super().__init__()
        self.conv = DepthwiseConv3d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x)


class _LocalAttention(nn.Module):
    """x + 1³ → depth-wise 5³ → 1³ convolution of BatchNorm(x).

    These are relations of neighbours that do not depend on what they show.
    """

    def __init__(self, dim: int, drop_path: float):
        super().__init__()
        self.norm = nn.BatchNorm3d(dim)
        self.conv1 = _Pointwise(dim, dim)
        self.attn = DepthwiseConv3d(dim, dim, 5, padding=2, groups=dim)
        self.conv2 = _Pointwise(dim, dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop_path(self.conv2(self.attn(self.conv1(self.norm(x)))))


class _ConvMlpSublayer(nn.Module):
    """x + MLP(BatchNorm(x)) on every place of the map by itself."""

    def __init__(self, dim: int, hidden: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.BatchNorm3d(dim)
        self.mlp = _ConvMlp(dim, hidden, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop_path(self.mlp(self.norm(x)))


class _ConvMlp(nn.Module):
    """fc2(GELU(fc1(x))) with kernels of one place."""

    def __init__(self, dim: int, hidden: int, dropout: float):
        super().__init__()
        self.fc1 = _Pointwise(dim, hidden)
        self.fc2 = _Pointwise(hidden, dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # b t h w c
        places = _channels_last(x)
        tokens = in_portions(self._on_tokens, places.reshape(-1, 1, x.shape[1]))
        return self.drop(_channels_first(tokens.view(*places.shape[:-1], -1)))

    def _on_tokens(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2.linear(self.drop(gelu(self.fc1.linear(x))))


class _JointAttention(nn.Module):
    """x + attention among the LayerNorm of all places of the map."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = _channels_last(x)
        added = self.attn(self.norm(places).flatten(1, 3)).view(places.shape)
        return x + self.drop_path(_channels_first(added))


class _SplitAttention(nn.Module):
    """x + attention within frames, whose input has seen attention along time.

    The result of the latter goes nowhere else.
    """

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.t_norm = nn.LayerNorm(dim, eps=1e-6)
        self.t_attn = Attention(dim, heads, dropout)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # b t h w c
        places = _channels_last(x)
        b, t, h, w, c = places.shape
        series = places.movedim(1, 3).reshape(b * h * w, t, c)
        series = series + self.drop_path(self.t_attn(self.t_norm(series)))
        frames = series.view(b, h, w, t, c).movedim(3, 1).reshape(b * t, h * w, c)
        added = self.drop_path(self.attn(self.norm(frames)))
        return x + _channels_first(added.view(places.shape))


class _MlpSublayer(nn.Module):
    """x + MLP(LayerNorm(x)) on every place of the map by itself."""

    def __init__(self, dim: int, hidden: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, hidden, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = _channels_last(x)
        added = self.mlp(self.norm(places).flatten(1, 3)).view(places.shape)
        return x + self.drop_path(_channels_first(added))


class _Pointwise(nn.Conv3d):
    """Convolution whose kernel covers one place, computed as the matrix product that it is."""

    def __init__(self, channels: int, outputs: int):
        super().__init__(channels, outputs, 1)

    def linear(self, x: torch.Tensor) -> torch.Tensor:
        """(… channels) → (… outputs)."""
        return F.linear(x, self.weight.flatten(1), self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _channels_first(self.linear(_channels_last(x)))


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """(b c t h w) → (b t h w c), a view."""
    return x.movedim(1, -1)


def _channels_first(x: torch.Tensor) -> torch.Tensor:
    """(b t h w c) → (b c t h w), a view."""
    return x.movedim(-1, 1)


def _block(network: Network, stage: int, dim: int, drop_path: float) -> nn.Sequential:
    hidden, dropout = int(dim * network.mlp_ratio), network.dropout
    block = nn.Sequential()
    block.add_module("dpe", _PositionEmbedding(dim))
    if stage <= 2:
        block.add_module("local_attn", _LocalAttention(dim, drop_path))
        block.add_module("mlp", _ConvMlpSublayer(dim, hidden, dropout, drop_path))
    else:
        attention = _SplitAttention if network.split_attention else _JointAttention
        heads = dim // network.head_dim
        block.add_module("joint_attn", attention(dim, heads, dropout, drop_path))
        block.add_module("mlp", _MlpSublayer(dim, hidden, dropout, drop_path))
    return block


def _temporal_tap(block: int, sublayer: str) -> Tap:
    """What attention along time adds, inside a joint_attn with split attention."""
    name, module = f"{block:02d}.temporal_attn.branch", f"{sublayer}.t_attn"
    return Tap(name, "temporal_attn", block, "branch", module, "(b h w) t c", 0, sublayer)


# the authors' and mmaction2's beginning of a name → ours
_LOCAL_BLOCK = r"(?:backbone\.)?(blocks[12]\.\d+)\."
_GLOBAL_BLOCK = r"(?:backbone\.)?(blocks[34]\.\d+)\."
_BLOCK = r"(?:backbone\.)?(blocks\d\.\d+)\."
_NAMES = (
    (_BLOCK + r"pos_embed\.", r"\1.dpe.conv."),
    (_LOCAL_BLOCK + r"norm1\.", r"\1.local_attn.norm."),
    (_LOCAL_BLOCK + r"(conv1|attn|conv2)\.", r"\1.local_attn.\2."),
    (_GLOBAL_BLOCK + r"norm1\.", r"\1.joint_attn.norm."),
    (_GLOBAL_BLOCK + r"(attn|t_norm|t_attn)\.", r"\1.joint_attn.\2."),
    (_BLOCK + r"norm2\.", r"\1.mlp.norm."),
    (_BLOCK + r"mlp\.(fc[12])\.", r"\1.mlp.mlp.\2."),
    (r"backbone\.", ""),
    (r"cls_head\.fc_cls\.", "head."),
)
