"""Video Swin: tokens attend within windows of space and time, which shift from block to block.

Paper: Liu, Ning, Cao, Wei, Zhang, Lin and Hu, "Video Swin Transformer", CVPR 2022, arXiv
2106.13230.
Code: github.com/SwinTransformer/Video-Swin-Transformer,
mmaction/models/backbones/swin_transformer.py and heads/i3d_head.py.

Released checkpoints, Kinetics-400 top-1 / top-5 (the repository's README; 32 frames, stride 2, 4 ×
3 views): swin_tiny_patch244_window877_kinetics400_1k.pth 78.8 / 93.6, swin_small_…_1k.pth 80.6 /
94.5, swin_base_…_1k.pth 80.6 / 94.6, swin_base_…_22k.pth 82.7 / 95.5. mmaction2:
swin-small-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb_20220930-e91ab986.pth 80.54 /
94.46, swin-base-…_20220930-182ec6cc.pth 80.57 / 94.49. torchvision: swin3d_t, swin3d_s, swin3d_b
(converted from the authors'). Layouts that `from_checkpoint` knows: the authors' and mmaction2's
(under state_dict), torchvision's, and our own. Index buffers are left out. Small has `embed_dim:
96, depths: [2, 2, 18, 2], heads: [3, 6, 12, 24]`, tiny `depths: [2, 2, 6, 2]`, base `embed_dim:
128, heads: [4, 8, 16, 32]`.

Names here are the authors' without "backbone.", except that each block groups its parts by
sub-layer (joint_attn, mlp). Particulars of the original: where the map is no larger than the
window, the window shrinks to it and does not shift; the position bias is then a plain corner of the
full window's; maps are padded with zeros, which take part in the attention, up to complete windows.
A shifted window at the border wraps around to the other end of the map; −100 keeps its tokens from
different ends apart. Blocks are counted through all stages; a stage's merging of patches lies
between blocks.
"""

import itertools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.attention import check_heads
from signal_perception.models.core.mlp import Mlp
from signal_perception.models.core.names import renamed
from signal_perception.models.core.portions import PORTION_TOKENS, is_memory_bound
from signal_perception.models.core.state import Segment, State, Tokens, fold
from signal_perception.models.core.sublayer import Sublayer
from signal_perception.models.core.taps import (
    Tap,
    Weights,
    attention_weights,
    mlp_weights,
    sublayer_taps,
)
from signal_perception.models.core.timm_layers import DropPath, trunc_normal_
from signal_perception.models.core.training import drop_path_rates, init_linear
from signal_perception.pipeline.errors import UserError

_MASKED = -100.0

Size = tuple[int, int, int]


@dataclass(frozen=True)
class Network:
    """Network numbers; Video Swin-Small by default.

    Parameters
    ----------
    patch_size, window: (t, h, w) of a token in pixels, and of a window in tokens. Clips of any size
        are taken.
    embed_dim: channels of the first stage, doubled by every further one.
    depths, heads: blocks and attention heads of each stage.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    head_dropout: before the last linear layer.
    patch_norm: normalise the tokens before the first block.
    """

    patch_size: tuple[int, int, int] = (2, 4, 4)
    window: tuple[int, int, int] = (8, 7, 7)
    embed_dim: int = 96
    depths: tuple[int, ...] = (2, 2, 18, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    head_dropout: float = 0.5
    patch_norm: bool = True


def build(num_classes: int, network: Network) -> "Swin":
    """A fresh model."""
    if len(network.depths) != len(network.heads):
        raise UserError(
            f"Model swin has depths = {network.depths} and heads = {network.heads}: "
            f"give both one number per stage."
        )
    return Swin(num_classes, network)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout in our names; unknown names stay, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: "Swin") -> list[Tap]:
    """Per block joint_attn (within its window) and mlp.

    Each as what it adds (branch) and as the stream after it.
    """
    found = []
    for i, path in enumerate(model.paths()):
        found += sublayer_taps(i, "joint_attn", f"{path}.joint_attn", "b (t h w) c", 0, "attn")
        found += sublayer_taps(i, "mlp", f"{path}.mlp", "b (t h w) c", 0, "mlp")
    return found


def segments(model: "Swin") -> list[Segment]:
    """embed, the blocks with the mergings between the stages, head."""
    steps, count = [Segment("embed", None, model.embed)], itertools.count()
    for number, stage in enumerate(model.stages()):
        steps += [Segment(f"block.{i:02d}", i, block) for block, i in zip(stage.blocks, count)]
        if stage.downsample is not None:
            steps.append(Segment(f"merge.{number}", None, stage.downsample))
    return [*steps, Segment("head", None, model.classify)]


def weights(model: "Swin") -> list[Weights]:
    """q, k, v, proj of joint_attn, mlp (both matrices)."""
    found = []
    for i, path in enumerate(model.paths()):
        found += attention_weights(model, "joint_attn", i, f"{path}.joint_attn.attn")
        found += mlp_weights(model, "mlp", i, f"{path}.mlp.mlp")
    return found


class Swin(nn.Module):
    """(b 3 t h w) → (b classes)."""

    classifier = "head"

    def __init__(self, num_classes: int, network: Network):
        super().__init__()
        dim = network.embed_dim
        self.patch_size = network.patch_size
        self.patch_embed = _PatchEmbed(dim, network.patch_size, network.patch_norm)
        self.layers = nn.ModuleList()
        rates = iter(drop_path_rates(network.drop_path, sum(network.depths)))
        for stage, (depth, heads) in enumerate(zip(network.depths, network.heads)):
            blocks = [_block(network, dim, heads, i % 2 == 1, next(rates)) for i in range(depth)]
            is_last = stage == len(network.depths) - 1
            self.layers.append(_Stage(blocks, None if is_last else _PatchMerging(dim)))
            dim *= 1 if is_last else 2
        self.norm = nn.LayerNorm(dim)
        self.head_drop = nn.Dropout(network.head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)

    def paths(self) -> list[str]:
        """Names of the blocks, in execution order."""
        return [
            f"layers.{s}.blocks.{i}"
            for s, stage in enumerate(self.stages())
            for i in range(len(stage.blocks))
        ]

    def stages(self) -> list["_Stage"]:
        """The stages, in execution order."""
        return [stage for stage in self.layers if isinstance(stage, _Stage)]

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm leaves out of weight decay, beside biases and norms."""
        names = (name for name, _ in self.named_parameters())
        return {name for name in names if name.endswith("relative_position_bias_table")}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        return {
            "stem": "^patch_embed",
            "blocks": [
                (r"^layers\.(\d+)\.downsample", (0,)),
                (r"^layers\.(\d+)\.blocks\.(\d+)", None),
                (r"^norm", (99999,)),
            ],
        }

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w), padded to complete patches → tokens (b t*h*w c), time slowest."""
        assert isinstance(clip, torch.Tensor)
        x = self.patch_embed(_padded(clip, self.patch_size))
        return Tokens(x.flatten(1, 3), (x.shape[1], x.shape[2], x.shape[3]))

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the mean of all tokens."""
        assert isinstance(tokens, Tokens)
        return self.head(self.head_drop(self.norm(tokens.x).mean(1)))


class _PatchEmbed(nn.Module):
    """One token per patch, normalised if wanted: (b 3 t h w) → (b t h w c)."""

    def __init__(self, dim: int, patch_size: Size, patch_norm: bool):
        super().__init__()
        self.proj = nn.Conv3d(3, dim, patch_size, patch_size)
        self.norm = nn.LayerNorm(dim) if patch_norm else nn.Identity()

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.norm(self.proj(clip).movedim(1, -1).contiguous())


class _Stage(nn.Module):
    """Blocks at one resolution, and the merging of patches after them."""

    def __init__(self, blocks: list[nn.Sequential], downsample: "_PatchMerging | None"):
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = downsample


class _WindowAttention(nn.Module):
    """Attention within windows, (b t*h*w c) → (b t*h*w c).

    Each head has a bias for each distance (t, h, w) between two tokens.
    """

    def __init__(self, dim: int, heads: int, window: Size, shifted: bool):
        super().__init__()
        check_heads(dim, heads)
        self.heads, self.window, self.shifted = heads, window, shifted
        distances = (2 * window[0] - 1) * (2 * window[1] - 1) * (2 * window[2] - 1)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(distances, heads))
        trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.relative_position_index: torch.Tensor
        self.register_buffer("relative_position_index", _distance_index(window), persistent=False)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor, grid: Size) -> torch.Tensor:
        window = tuple(min(size, most) for size, most in zip(grid, self.window))
        shift = [
            most // 2 if self.shifted and size > most else 0
            for size, most in zip(grid, self.window)
        ]
        padded = [-(-size // w) * w for size, w in zip(grid, window)]
        if padded != list(grid):
            x = _padded(x.transpose(1, 2).unflatten(2, grid), window).flatten(2).transpose(1, 2)
        order, groups = _windows(padded, window, shift, x.device)
        bias = self._position_bias(window)
        n, parts, start = bias.shape[-1], [], 0
        for wraps, count in groups:
            mask = (bias + _shift_mask(window, shift, wraps, x.device)) if any(wraps) else bias
            step = max(1, PORTION_TOKENS // (n * x.shape[0])) if is_memory_bound(x) else count
            for first in range(start, start + count, step):
                last = min(first + step, start + count)
                some = x.index_select(1, order[first * n : last * n])
                parts.append(self._attend(some, n, mask))
            start += count
        back = torch.empty_like(order)
        back.scatter_(0, order, torch.arange(len(order), device=x.device))
        if padded != list(grid):
            back = back.view(padded)[: grid[0], : grid[1], : grid[2]].flatten()
        return torch.cat(parts, 1).index_select(1, back)

    def _position_bias(self, window: tuple[int, ...]) -> torch.Tensor:
        """Bias of each pair of the n tokens of a window, (1 head n n)."""
        n = window[0] * window[1] * window[2]
        index = self.relative_position_index[:n, :n].flatten()
        bias = self.relative_position_bias_table[index].view(n, n, -1)
        return bias.permute(2, 0, 1)[None].contiguous()

    def _attend(self, x: torch.Tensor, n: int, mask: torch.Tensor) -> torch.Tensor:
        """Some windows of n tokens each, one after the other: (b windows*n c) → the same."""
        # b*windows n 3 head d
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unflatten(1, (-1, n)).flatten(0, 1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype))
        return self.proj(mixed.transpose(1, 2).reshape(x.shape))


class _WindowSublayer(nn.Module):
    """x + window attention(LayerNorm(x))."""

    def __init__(self, dim: int, heads: int, window: Size, shifted: bool, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attn = _WindowAttention(dim, heads, window, shifted)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        added = self.drop_path(self.attn(self.norm(tokens.x), tokens.grid))
        return tokens._replace(x=tokens.x + added)


class _PatchMerging(nn.Module):
    """Four neighbours of a frame become one token of twice the channels.

    Odd maps are padded with zeros.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, tokens: Tokens) -> Tokens:
        t, h, w = tokens.grid
        x = F.pad(tokens.x.unflatten(1, (t, h, w)), (0, 0, 0, w % 2, 0, h % 2))
        # b t h 2 w 2 c
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
        # column before row: (0, 0), (1, 0), (0, 1), (1, 1) of (row, column)
        x = x.permute(0, 1, 2, 4, 5, 3, 6)
        grid = (t, x.shape[2], x.shape[3])
        return Tokens(self.reduction(self.norm(x.flatten(4).flatten(1, 3))), grid)


def _block(
    network: Network, dim: int, heads: int, shifted: bool, drop_path: float
) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("joint_attn", _WindowSublayer(dim, heads, network.window, shifted, drop_path))
    mlp = Mlp(dim, int(dim * network.mlp_ratio))
    block.add_module("mlp", Sublayer("mlp", mlp, dim, eps=1e-5, drop_path=drop_path))
    return block


def _windows(
    size: list[int], window: tuple[int, ...], shift: list[int], device: torch.device
) -> tuple[torch.Tensor, list[tuple[tuple[bool, ...], int]]]:
    """Which token of a map (t h w) comes where when its shifted windows are laid end to end.

    Returns the order (t*h*w,), and for each group of windows that wrap around alike: whether they
    do so in each dimension, and their number. Only the last window of a shifted dimension wraps.
    """
    places = torch.arange(size[0] * size[1] * size[2], device=device).view(size)
    places = places.roll([-s for s in shift], (0, 1, 2))
    t, h, w = counts = [size_ // w_ for size_, w_ in zip(size, window)]
    places = places.view(t, window[0], h, window[1], w, window[2])
    # t h w of windows, then inside
    places = places.permute(0, 2, 4, 1, 3, 5)
    ends = [
        [(False, 0, n - 1), (True, n - 1, n)] if s else [(False, 0, n)]
        for n, s in zip(counts, shift)
    ]
    order, groups = [], []
    for ranges in itertools.product(*ends):
        (_, t0, t1), (_, h0, h1), (_, w0, w1) = ranges
        count = (t1 - t0) * (h1 - h0) * (w1 - w0)
        if count:
            order.append(places[t0:t1, h0:h1, w0:w1].flatten())
            groups.append((tuple(wraps for wraps, _, _ in ranges), count))
    return torch.cat(order), groups


def _shift_mask(
    window: tuple[int, ...], shift: list[int], wraps: tuple[bool, ...], device: torch.device
) -> torch.Tensor:
    """−100 for each pair of tokens of a window that come from different ends of the map: (n, n)."""
    side = torch.zeros(window, dtype=torch.int64, device=device)
    for axis, (size, moved, is_wrapped) in enumerate(zip(window, shift, wraps)):
        if is_wrapped:
            late = (torch.arange(size, device=device) >= size - moved).long() << axis
            side = side + late.view([-1 if axis == other else 1 for other in range(3)])
    side = side.flatten()
    return (side[:, None] != side[None, :]).float() * _MASKED


def _distance_index(window: Size) -> torch.Tensor:
    """Row of the bias table for each pair of tokens of a window, (n, n)."""
    place = torch.stack(torch.meshgrid(*map(torch.arange, window), indexing="ij")).flatten(1)
    # of each pair, (n n) each
    t, h, w = place[:, :, None] - place[:, None, :] + torch.tensor(window).view(3, 1, 1) - 1
    return (t * (2 * window[1] - 1) + h) * (2 * window[2] - 1) + w


def _padded(x: torch.Tensor, multiple: tuple[int, ...]) -> torch.Tensor:
    """Zeros at the far ends of the last three dimensions, up to multiples."""
    ends = [-size % step for size, step in zip(x.shape[2:], multiple)]
    return F.pad(x, [side for end in reversed(ends) for side in (0, end)]) if any(ends) else x


# the authors' and mmaction2's, torchvision's beginning of a block's name → ours
_BLOCKS = (
    (r"(?:backbone\.)?layers\.(\d+)\.blocks\.(\d+)\.", r"layers.\1.blocks.\2."),
    *((rf"features\.{2 * stage}\.(\d+)\.", rf"layers.{stage}.blocks.\1.") for stage in range(4)),
)
_PARTS = (
    (r"norm1\.", "joint_attn.norm."),
    (r"attn\.", "joint_attn.attn."),
    (r"norm2\.", "mlp.norm."),
    (r"mlp\.(?:fc1|0)\.", "mlp.mlp.fc1."),
    (r"mlp\.(?:fc2|3)\.", "mlp.mlp.fc2."),
)
_NAMES = (
    (r".*\.relative_position_index$", None),
    *((theirs + part, ours + new) for theirs, ours in _BLOCKS for part, new in _PARTS),
    *((rf"features\.{2 * stage + 1}\.", f"layers.{stage}.downsample.") for stage in range(3)),
    (r"backbone\.norm3\.", "norm."),
    (r"backbone\.", ""),
    (r"cls_head\.fc_cls\.", "head."),
)
