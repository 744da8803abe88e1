"""UniFormer: convolution-like local relations in two shallow stages, global self-attention in two deep ones.

Paper: Li, Wang, Gao, Song, Liu, Li and Qiao, "UniFormer: Unified Transformer for Efficient Spatiotemporal Representation Learning",
ICLR 2022, arXiv 2201.04676. Code: github.com/Sense-X/UniFormer, video_classification/slowfast/models/uniformer.py.

Released checkpoints, Kinetics-400 top-1 (the repository's README; 4 × 1 views): uniformer_small_k400_8x8.pth 78.4, _16x4.pth 80.8,
_16x8.pth 80.8; uniformer_base_k400_8x8.pth 79.8, _16x4.pth 82.0, _16x8.pth 81.7, _32x4.pth 82.9. mmaction2's port of Base:
uniformer-base_imagenet1k-pre_16x4x1_kinetics400-rgb_20221219-157c2e66.pth, 82.0 / top-5 95.0, its head in mmaction2's order of classes.
Layouts that `from_checkpoint` knows: the authors' (bare, or under model_state), mmaction2's (under state_dict), and our own.
Small has `depths: [3, 4, 8, 3]`.

Names here are the authors', except that each block groups its parts by sub-layer (dpe, local_attn or joint_attn, mlp). Particulars
kept: every block begins with a depth-wise 3×3×3 convolution on the stream (dpe, the dynamic position embedding); blocks of stages 1 and
2 normalise by batch, the others by layer with eps 1e-6; patch embeddings normalise with eps 1e-5; time is halved by the first patch
embedding alone.
mmaction2's own network has eps 1e-5 in stages 3 and 4: with its weights too, this one keeps the authors' 1e-6. There are no tables, so
clips of any size are taken. The stream is a feature map (b c t h w), channels last in memory.
"""

import itertools

import torch
from timm.layers.drop import DropPath
from torch import nn
from torch.nn import functional as F

from signal_perception.errors import UserError
from signal_perception.models.blocks import (
    Attention,
    Mlp,
    Segment,
    State,
    fold,
    gelu,
    in_portions,
    init_linear,
    renamed,
    rising,
)
from signal_perception.models.taps import Tap, Weights, attention_weights, mlp_weights, sublayer_taps, weight


def build(
    num_classes: int,
    *,
    depths: tuple[int, int, int, int] = (5, 8, 20, 7),
    embed_dims: tuple[int, int, int, int] = (64, 128, 320, 512),
    head_dim: int = 64,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.3,
    dropout: float = 0.0,
    overlapping_patches: bool = False,
    split_attention: bool = False,
) -> "UniFormer":
    """UniFormer-Base by default.

    Parameters
    ----------
    depths, embed_dims: blocks and channels of the four stages. head_dim: channels of an attention head.
    drop_path: rate of the last block, rising linearly from 0 in the first. dropout: inside attentions and MLPs.
    overlapping_patches: patch embeddings of stages 2 to 4 see three frames (STD in the authors' configuration; not in their releases).
    split_attention: attention along time, then within frames, instead of among all tokens (SPLIT; not in the releases).
    """
    if any(dim % head_dim for dim in embed_dims[2:]):
        raise UserError(
            f"embed_dims = {embed_dims} cannot be split into heads of head_dim = {head_dim} in stages 3 and 4"
        )
    return UniFormer(
        num_classes,
        depths,
        embed_dims,
        head_dim,
        mlp_ratio,
        drop_path,
        dropout,
        overlapping_patches,
        split_attention,
    )


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout (see above) in our names; names that belong to none are kept, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: "UniFormer") -> list[Tap]:
    """Per block local_attn (stages 1, 2) or joint_attn (3, 4; with split attention also the temporal branch) and mlp."""
    found = []
    for i, (path, block) in enumerate(model.named_blocks()):
        if hasattr(block, "local_attn"):
            found += sublayer_taps(i, "local_attn", f"{path}.local_attn", "b c t h w", 0, "conv2")
            found += sublayer_taps(i, "mlp", f"{path}.mlp", "b c t h w", 0, "mlp")
            continue
        sublayer, layout = f"{path}.joint_attn", "b (t h w) c"
        if isinstance(block.joint_attn, _SplitAttention):
            name, layout = f"{i:02d}.temporal_attn.branch", "(b t) (h w) c"
            found.append(Tap(name, "temporal_attn", i, "branch", f"{sublayer}.t_attn", "(b h w) t c", 0, sublayer))
        found += sublayer_taps(i, "joint_attn", sublayer, "b c t h w", 0, "attn", (layout, 0))
        found += sublayer_taps(i, "mlp", f"{path}.mlp", "b c t h w", 0, "mlp", ("b (t h w) c", 0))
    return found


def segments(model: "UniFormer") -> list[Segment]:
    """patch_embed1, the blocks with the patch embeddings of the later stages between them, head."""
    steps, count = [], itertools.count()
    for stage in range(1, 5):
        steps.append(Segment(f"patch_embed{stage}", None, model.get_submodule(f"patch_embed{stage}")))
        blocks = model.get_submodule(f"blocks{stage}").children()
        steps += [Segment(f"block.{i:02d}", i, block) for block, i in zip(blocks, count)]
    return [*steps, Segment("head", None, model.classify)]


def weights(model: "UniFormer") -> list[Weights]:
    """dpe (its kernel), local_attn (three kernels) or q, k, v, proj of joint_attn (split: temporal_attn too), mlp (both matrices)."""
    found = []
    for i, (path, block) in enumerate(model.named_blocks()):
        found.append(weight(model, "dpe", i, f"{path}.dpe.conv.weight"))
        if hasattr(block, "local_attn"):
            found += [weight(model, "local_attn", i, f"{path}.local_attn.{part}.weight") for part in _LOCAL]
        else:
            if isinstance(block.joint_attn, _SplitAttention):
                found += attention_weights(model, "temporal_attn", i, f"{path}.joint_attn.t_attn")
            found += attention_weights(model, "joint_attn", i, f"{path}.joint_attn.attn")
        found += mlp_weights(model, "mlp", i, f"{path}.mlp.mlp")
    return found


class UniFormer(nn.Module):
    """(b 3 t h w) → (b classes)."""

    classifier = "head"

    def __init__(
        self,
        num_classes: int,
        depths: tuple[int, ...],
        dims: tuple[int, ...],
        head_dim: int,
        mlp_ratio: float,
        drop_path: float,
        dropout: float,
        overlapping: bool,
        split: bool,
    ):
        super().__init__()
        rates = iter(rising(drop_path, sum(depths)))
        for stage, (depth, dim) in enumerate(zip(depths, dims), start=1):
            side, time = (4, 2) if stage == 1 else (2, 1)
            frames = 3 if overlapping or stage == 1 else 1
            self.add_module(f"patch_embed{stage}", _PatchEmbed(([3, *dims])[stage - 1], dim, frames, time, side))
            blocks = nn.Sequential()
            for _ in range(depth):
                rate, hidden = next(rates), int(dim * mlp_ratio)
                block = nn.Sequential()
                block.add_module("dpe", _PositionEmbedding(dim))
                if stage <= 2:
                    block.add_module("local_attn", _LocalAttention(dim, rate))
                    block.add_module("mlp", _ConvMlpSublayer(dim, hidden, dropout, rate))
                else:
                    attention = _SplitAttention if split else _JointAttention
                    block.add_module("joint_attn", attention(dim, dim // head_dim, dropout, rate))
                    block.add_module("mlp", _MlpSublayer(dim, hidden, dropout, rate))
                blocks.append(block)
            self.add_module(f"blocks{stage}", blocks)
        self.norm = nn.BatchNorm3d(dims[-1])
        self.head = nn.Linear(dims[-1], num_classes)
        self.apply(init_linear)

    def named_blocks(self) -> list[tuple[str, nn.Module]]:
        """Name and module of each block, in execution order through the four stages."""
        return [
            (f"blocks{stage}.{i}", block)
            for stage in range(1, 5)
            for i, block in enumerate(self.get_submodule(f"blocks{stage}").children())
        ]

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        blocks = [(rf"^{path}\.", (i,)) for i, (path, _) in enumerate(self.named_blocks())]
        return {"stem": "^patch_embed1", "blocks": [*blocks, (r"^patch_embed[234]", (0,)), (r"^norm", (99999,))]}

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
        self.proj = nn.Conv3d(channels, dim, (frames, side, side), (time, side, side), (frames // 2, 0, 0))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.proj(x.contiguous(memory_format=torch.channels_last_3d))
        return _map(self.norm(_channels_last(x)))


class _PositionEmbedding(nn.Module):
    """x + depth-wise 3×3×3 convolution of x."""

    def __init__(self, dim: int):
        super().__init__()
        self.conv = nn.Conv3d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x)


class _LocalAttention(nn.Module):
    """x + 1³ → depth-wise 5³ → 1³ convolution of BatchNorm(x): relations of neighbours that do not depend on what they show."""

    def __init__(self, dim: int, drop_path: float):
        super().__init__()
        self.norm = nn.BatchNorm3d(dim)
        self.conv1 = _Pointwise(dim, dim)
        self.attn = nn.Conv3d(dim, dim, 5, padding=2, groups=dim)
        self.conv2 = _Pointwise(dim, dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop_path(self.conv2(self.attn(self.conv1(self.norm(x)))))


_LOCAL = ("conv1", "attn", "conv2")


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
        self.fc1, self.fc2, self.drop = _Pointwise(dim, hidden), _Pointwise(hidden, dim), nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = _channels_last(x)  # b t h w c
        tokens = places.reshape(-1, 1, x.shape[1])
        tokens = in_portions(lambda part: self.fc2.linear(self.drop(gelu(self.fc1.linear(part)))), tokens)
        return self.drop(_map(tokens.view(*places.shape[:-1], -1)))


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
        return x + self.drop_path(_map(added))


class _SplitAttention(nn.Module):
    """x + attention within frames, whose input has seen attention along time; the result of the latter goes nowhere else."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.t_norm = nn.LayerNorm(dim, eps=1e-6)
        self.t_attn = Attention(dim, heads, dropout)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = _channels_last(x)  # b t h w c
        b, t, h, w, c = places.shape
        series = places.movedim(1, 3).reshape(b * h * w, t, c)
        series = series + self.drop_path(self.t_attn(self.t_norm(series)))
        frames = series.view(b, h, w, t, c).movedim(3, 1).reshape(b * t, h * w, c)
        added = self.drop_path(self.attn(self.norm(frames)))
        return x + _map(added.view(places.shape))


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
        return x + self.drop_path(_map(added))


class _Pointwise(nn.Conv3d):
    """Convolution whose kernel covers one place, computed as the matrix product that it is."""

    def __init__(self, channels: int, outputs: int):
        super().__init__(channels, outputs, 1)

    def linear(self, x: torch.Tensor) -> torch.Tensor:
        """(… channels) → (… outputs)."""
        return F.linear(x, self.weight.flatten(1), self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _map(self.linear(_channels_last(x)))


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """(b c t h w) → (b t h w c), a view."""
    return x.movedim(1, -1)


def _map(x: torch.Tensor) -> torch.Tensor:
    """(b t h w c) → (b c t h w), a view."""
    return x.movedim(-1, 1)


# the authors' and mmaction2's beginning of a name → ours
_LOCAL_BLOCK, _GLOBAL_BLOCK = r"(?:backbone\.)?(blocks[12]\.\d+)\.", r"(?:backbone\.)?(blocks[34]\.\d+)\."
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
