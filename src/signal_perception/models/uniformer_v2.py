"""UniFormerV2: an image ViT (CLIP) that sees frames one by one, and a decoder that relates them.

Paper: Li, Wang, He, Li, Wang, Wang and Qiao, "UniFormerV2: Spatiotemporal Learning by Arming Image
ViTs with Video UniFormer", ICCV 2023, arXiv 2211.09552. Code: github.com/OpenGVLab/UniFormerV2,
slowfast/models/uniformerv2_model.py.

Released checkpoints, Kinetics-400 top-1 (the repository's MODEL_ZOO.md; 8 frames, 4 × 3 views):
k400_uniformerv2_b16_8x224.pyth 84.4, k400_k710_uniformerv2_b16_8x224.pyth 85.6;
k710_uniformerv2_b16_8x224.pyth has 710 classes, the first 400 of them Kinetics-400's. mmaction2:
uniformerv2-base-p16-res224_clip-kinetics710-pre_8xb32-u8_kinetics400-rgb_20230313-75be0806.pth,
85.8 / top-5 97.1, in its own order of classes. Layouts that `from_checkpoint` knows: the authors'
(bare, prefix "backbone.", or under model_state), mmaction2's, and our own.

Names here follow the authors', but each block groups its parts by sub-layer (local_attn,
spatial_attn, local_attn_2, mlp), and the decoder's blocks are `video.j` with `memory` (the authors'
dpe), `attn` and `mlp`. Particulars of the original: LayerNorm eps 1e-5; QuickGELU; local relations
(local_attn, off in the Kinetics releases) touch patch tokens only. A decoder block reads a copy of
the tokens, to whose patches a depth-wise 3×3×3 convolution has been added, through one query, a
token of the whole video; the stream of tokens never sees that copy nor the query. The decoder's
tap, global_attn, is that copy: what the video-level attention reads, and the only part of it that
has frames.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.attention import Attention
from signal_perception.models.core.depthwise import DepthwiseConv3d
from signal_perception.models.core.mlp import Mlp
from signal_perception.models.core.names import renamed
from signal_perception.models.core.portions import quick_gelu
from signal_perception.models.core.state import (
    Segment,
    State,
    Tokens,
    chain,
    embed_blocks_head,
    fold,
)
from signal_perception.models.core.sublayer import Sublayer
from signal_perception.models.core.taps import (
    Tap,
    Weights,
    attention_weights,
    mlp_weights,
    sublayer_taps,
    weight,
)
from signal_perception.models.core.timm_layers import (
    DropPath,
    resample_abs_pos_embed,
    trunc_normal_,
)
from signal_perception.models.core.training import drop_path_rates, init_linear
from signal_perception.pipeline.errors import UserError

_EPS = 1e-5
_LOCAL = ("local_attn", "local_attn_2")
_FRAMES, _MAP = "(b t) (h w) c", "b c t h w"


@dataclass(frozen=True)
class Network:
    """Network numbers; UniFormerV2-B/16 as fine-tuned on Kinetics by default.

    Parameters
    ----------
    img_size: side of the picture that the position table covers; clips of any number of frames are
        taken.
    halve_time: patches of three frames, every second frame.
    local_attention: local relations per block: 0, 1 (before the attention) or 2 (after it too).
    local_reduction: they go through 1/local_reduction of the channels.
    global_blocks: blocks whose output the decoder reads, in rising order.
    drop_path: rate of the last block of the ViT and of the decoder, rising linearly from 0.
    mlp_dropout: in the decoder's MLPs.
    fuse_frames: classify a learnt mixture of the video's token and the mean of the frames' class
        tokens, else the video's token alone.
    zero_start: whether what is added to the ViT starts at zero, as the authors have it; False to
        train from nothing.
    """

    img_size: int = 224
    patch_size: int = 16
    embed_dim: int = 768
    depth: int = 12
    heads: int = 12
    halve_time: bool = False
    local_attention: int = 0
    local_reduction: float = 1.5
    global_blocks: tuple[int, ...] = (8, 9, 10, 11)
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    mlp_dropout: float = 0.5
    head_dropout: float = 0.5
    fuse_frames: bool = True
    zero_start: bool = True


def build(num_classes: int, network: Network) -> "UniFormerV2":
    """A fresh model."""
    img_size, patch_size, readers = network.img_size, network.patch_size, network.global_blocks
    if img_size % patch_size:
        raise UserError(
            f"The img_size = {img_size} is no multiple of patch_size = {patch_size}: "
            f"choose one that is."
        )
    rising = list(readers) == sorted(set(readers))
    if not rising or not 0 <= readers[0] <= readers[-1] < network.depth:
        raise UserError(
            f"The global_blocks = {readers} do not rise within 0 … {network.depth - 1}, the blocks "
            f"there are: choose some that do."
        )
    if not 0 <= network.local_attention <= 2:
        raise UserError(
            f"The local_attention = {network.local_attention} is no number of local relations of a "
            f"block: choose 0, 1 or 2."
        )
    return UniFormerV2(num_classes, network)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout in our names; unknown names stay, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: "UniFormerV2") -> list[Tap]:
    """Per block local_attn (if any), spatial_attn, local_attn_2 (if any), mlp.

    And global_attn where the decoder reads.
    """
    found = []
    for i, block in enumerate(model.blocks):
        for name, _ in block.named_children():
            part = {"spatial_attn": "attn", "mlp": "mlp"}.get(name, "conv")
            branch_layout = (_MAP, 0) if name in _LOCAL else (_FRAMES, 1)
            path = f"blocks.{i}.{name}"
            for tap in sublayer_taps(i, name, path, _FRAMES, 1, part, branch_layout):
                found.append(replace(tap, kind=name.removesuffix("_2")))
        if i in model.global_blocks:
            path = f"video.{model.global_blocks.index(i)}.memory"
            found += sublayer_taps(i, "global_attn", path, _FRAMES, 1, "conv", (_MAP, 0))
    return found


def segments(model: "UniFormerV2") -> list[Segment]:
    """embed, the blocks (each with the decoder block that reads it, if any), head."""
    readers = dict(zip(model.global_blocks, model.video))
    steps = [
        partial(chain, [block, readers[i]]) if i in readers else block
        for i, block in enumerate(model.blocks)
    ]
    return embed_blocks_head(model.embed, steps, model.classify)


def weights(model: "UniFormerV2") -> list[Weights]:
    """local_attn (its kernels), q, k, v, proj of spatial_attn, mlp.

    Of the decoder: dpe (its kernel), q, k, v, proj of global_attn, and its MLP (global_mlp).
    """
    found = []
    for i, block in enumerate(model.blocks):
        for name in _LOCAL:
            if hasattr(block, name):
                for part in (0, 1, 2):
                    kernel = f"blocks.{i}.{name}.conv.{part}.weight"
                    found.append(weight(model, "local_attn", i, kernel))
        found += attention_weights(model, "spatial_attn", i, f"blocks.{i}.spatial_attn.attn")
        found += mlp_weights(model, "mlp", i, f"blocks.{i}.mlp.mlp")
        if i in model.global_blocks:
            path = f"video.{model.global_blocks.index(i)}"
            found.append(weight(model, "dpe", i, f"{path}.memory.conv.weight"))
            found += attention_weights(model, "global_attn", i, f"{path}.attn")
            found += mlp_weights(model, "global_mlp", i, f"{path}.mlp.mlp")
    return found


class UniFormerV2(nn.Module):
    """(b 3 t h w) → (b classes).

    The stream is (b*t 1+h*w c): the class token of each frame, then its patches.
    """

    classifier = "head"

    def __init__(self, num_classes: int, network: Network):
        super().__init__()
        dim, side = network.embed_dim, network.patch_size
        frames, step = (3, 2) if network.halve_time else (1, 1)
        self.patch_size, self.global_blocks = side, network.global_blocks
        self.conv1 = nn.Conv3d(
            3, dim, (frames, side, side), (step, side, side), (frames // 2, 0, 0), bias=False
        )
        places = 1 + (network.img_size // side) ** 2
        self.class_embedding = nn.Parameter(dim**-0.5 * torch.randn(dim))
        self.positional_embedding = nn.Parameter(dim**-0.5 * torch.randn(places, dim))
        self.ln_pre = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            _block(network, rate) for rate in drop_path_rates(network.drop_path, network.depth)
        )
        self.video = nn.ModuleList(
            _VideoBlock(network, rate)
            for rate in drop_path_rates(network.drop_path, len(network.global_blocks))
        )
        self.video_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.balance = nn.Parameter(torch.zeros(dim)) if network.fuse_frames else None
        self.norm = nn.LayerNorm(dim)
        self.head_drop = nn.Dropout(network.head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)
        trunc_normal_(self.video_token, std=0.02)
        if network.zero_start:
            self._start_additions_at_zero()

    def _start_additions_at_zero(self) -> None:
        """Zero the query, and what decoder and local relations add to their streams."""
        nn.init.zeros_(self.video_token)
        additions = re.compile(
            r"video\.\d+\.(attn\.proj|mlp\.mlp\.fc2)\.weight"
            r"|blocks\.\d+\.local_attn(_2)?\.conv\.2\..+"
        )
        for name, parameter in self.named_parameters():
            if additions.fullmatch(name):
                nn.init.zeros_(parameter)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm leaves out of weight decay, beside biases and norms."""
        return {"class_embedding", "positional_embedding", "video_token", "balance"}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        video = [(rf"^video\.{j}\.", (i,)) for j, i in enumerate(self.global_blocks)]
        last = (r"^(?:norm|video_token|balance)", (99999,))
        stem = r"^(?:class_embedding|positional_embedding|conv1|ln_pre)"
        return {"stem": stem, "blocks": [(r"^blocks\.(\d+)", None), *video, last]}

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def resized(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state dict whose position table has this model's height and width.

        It is resized bicubically, as the authors do.
        """
        found, table = dict(state), state.get("positional_embedding")
        count = self.positional_embedding.shape[0]
        if table is not None and table.ndim == 2 and table.shape[0] != count:
            side = round((count - 1) ** 0.5)
            old = round((table.shape[0] - 1) ** 0.5)
            if old * old == table.shape[0] - 1:
                new = resample_abs_pos_embed(table[None], [side, side], antialias=False)
                found["positional_embedding"] = new[0]
        return found

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w) → class and patch tokens of each frame, and the video's token.

        They are (b*t 1+h*w c), normalised, and (b 1 c).
        """
        assert isinstance(clip, torch.Tensor)
        x = self.conv1(clip)
        b, c, *grid = x.shape
        if grid[1] * grid[2] != self.positional_embedding.shape[0] - 1:
            side = round((self.positional_embedding.shape[0] - 1) ** 0.5) * self.patch_size
            raise UserError(
                f"This UniFormerV2 takes frames of {side} × {side}, and got {clip.shape[3]} × "
                f"{clip.shape[4]}: set img_size of its network to the frames' size."
            )
        patches = x.movedim(1, -1).reshape(b * grid[0], -1, c)
        cls = self.class_embedding.expand(len(patches), 1, -1)
        tokens = self.ln_pre(torch.cat((cls, patches), 1) + self.positional_embedding)
        return Tokens(tokens, tuple(grid), self.video_token.expand(b, -1, -1))

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the video's token, mixed with the mean of the frames' class tokens."""
        assert isinstance(tokens, Tokens)
        return self.head(self.head_drop(self.norm(self.mixed(tokens))))

    def mixed(self, tokens: Tokens) -> torch.Tensor:
        """What is classified, (b c)."""
        assert tokens.video is not None
        video = tokens.video[:, 0]
        if self.balance is None:
            return video
        share = self.balance.sigmoid()
        frames = tokens.x[:, 0].unflatten(0, (-1, tokens.grid[0])).mean(1)
        return (1 - share) * video + share * frames


class _LocalAttention(nn.Module):
    """x + 1³ → depth-wise 3×1×1 → 1³ convolution of BatchNorm(x), on patch tokens only."""

    def __init__(self, dim: int, reduction: float, drop_path: float):
        super().__init__()
        inner = int(dim // reduction)
        self.norm = nn.BatchNorm3d(dim)
        self.conv = nn.Sequential(
            nn.Conv3d(dim, inner, 1),
            DepthwiseConv3d(inner, inner, (3, 1, 1), padding=(1, 0, 0), groups=inner),
            nn.Conv3d(inner, dim, 1),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        return _with_patches(tokens, lambda x: x + self.drop_path(self.conv(self.norm(x))))


class _Memory(nn.Module):
    """A copy of the tokens, to whose patches their depth-wise 3×3×3 convolution is added."""

    def __init__(self, dim: int):
        super().__init__()
        self.conv = DepthwiseConv3d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, tokens: Tokens) -> Tokens:
        return _with_patches(tokens, lambda x: x + self.conv(x))


class _CrossAttention(nn.Module):
    """Attention of one query (b 1 c) to a memory (b n c). Rows of `qkv` as in Attention."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        dim = query.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        # b head 1 d
        q = (
            F.linear(query, weight[:dim], bias[:dim])
            .unflatten(-1, (self.heads, -1))
            .transpose(1, 2)
        )
        kv = F.linear(memory, weight[dim:], bias[dim:]).unflatten(-1, (2, self.heads, -1))
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _VideoBlock(nn.Module):
    """One block of the decoder, on the video's token.

    It attends to the memory of one block's tokens, then goes through an MLP.
    """

    def __init__(self, network: Network, drop_path: float):
        super().__init__()
        dim = network.embed_dim
        self.memory = _Memory(dim)
        self.norm_query, self.norm_memory = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = _CrossAttention(dim, network.heads)
        self.drop_path = DropPath(drop_path)
        hidden = int(dim * network.mlp_ratio)
        mlp = Mlp(dim, hidden, network.mlp_dropout, activation=quick_gelu)
        # the authors drop after the activation only
        mlp.drop2 = nn.Dropout(0.0)
        self.mlp = Sublayer("mlp", mlp, dim, eps=_EPS, drop_path=drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        query = tokens.video
        assert query is not None
        # b t*(1+h*w) c
        memory = self.memory(tokens).x.unflatten(0, (-1, tokens.grid[0])).flatten(1, 2)
        added = self.drop_path(self.attn(self.norm_query(query), self.norm_memory(memory)))
        return tokens._replace(video=self.mlp(Tokens(query + added, (1, 1, 1))).x)


def _block(network: Network, drop_path: float) -> nn.Sequential:
    """One block of the ViT, with local relations before and after its attention, if any."""
    dim, local = network.embed_dim, network.local_attention
    block = nn.Sequential()
    if local > 0:
        block.add_module("local_attn", _LocalAttention(dim, network.local_reduction, drop_path))
    attention = Attention(dim, network.heads)
    block.add_module(
        "spatial_attn", Sublayer("attn", attention, dim, eps=_EPS, drop_path=drop_path)
    )
    if local > 1:
        block.add_module("local_attn_2", _LocalAttention(dim, network.local_reduction, drop_path))
    mlp = Mlp(dim, int(dim * network.mlp_ratio), activation=quick_gelu)
    block.add_module("mlp", Sublayer("mlp", mlp, dim, eps=_EPS, drop_path=drop_path))
    return block


def _with_patches(tokens: Tokens, change: Callable[[torch.Tensor], torch.Tensor]) -> Tokens:
    """The tokens (b*t 1+h*w c) after `change`, a function of the patches' map (b c t h w)."""
    t, h, w = tokens.grid
    cls, patches = tokens.x[:, :1], tokens.x[:, 1:]
    changed = change(patches.unflatten(1, (h, w)).unflatten(0, (-1, t)).movedim(-1, 1))
    changed = changed.movedim(1, -1).flatten(0, 1).flatten(1, 2)
    return tokens._replace(x=torch.cat((cls, changed), 1))


# the authors' and mmaction2's beginning of a name → ours
_OURS = r"(?:backbone\.)?transformer\."
_BLOCK, _VIDEO = _OURS + r"resblocks\.(\d+)\.", _OURS + r"dec\.(\d+)\."
_NAMES = (
    (_BLOCK + r"lmhra1\.pos_embed\.0\.", r"blocks.\1.local_attn.norm."),
    *(
        (_BLOCK + rf"lmhra1\.pos_embed\.{n + 1}\.", rf"blocks.\1.local_attn.conv.{n}.")
        for n in range(3)
    ),
    (_BLOCK + r"ln_1\.", r"blocks.\1.spatial_attn.norm."),
    (_BLOCK + r"attn\.in_proj_", r"blocks.\1.spatial_attn.attn.qkv."),
    (_BLOCK + r"attn\.out_proj\.", r"blocks.\1.spatial_attn.attn.proj."),
    (_BLOCK + r"lmhra2\.pos_embed\.0\.", r"blocks.\1.local_attn_2.norm."),
    *(
        (_BLOCK + rf"lmhra2\.pos_embed\.{n + 1}\.", rf"blocks.\1.local_attn_2.conv.{n}.")
        for n in range(3)
    ),
    (_BLOCK + r"ln_2\.", r"blocks.\1.mlp.norm."),
    (_BLOCK + r"mlp\.c_fc\.", r"blocks.\1.mlp.mlp.fc1."),
    (_BLOCK + r"mlp\.c_proj\.", r"blocks.\1.mlp.mlp.fc2."),
    (_OURS + r"dpe\.(\d+)\.", r"video.\1.memory.conv."),
    (_VIDEO + r"ln_1\.", r"video.\1.norm_query."),
    (_VIDEO + r"ln_3\.", r"video.\1.norm_memory."),
    (_VIDEO + r"attn\.in_proj_", r"video.\1.attn.qkv."),
    (_VIDEO + r"attn\.out_proj\.", r"video.\1.attn.proj."),
    (_VIDEO + r"ln_2\.", r"video.\1.mlp.norm."),
    (_VIDEO + r"mlp\.c_fc\.", r"video.\1.mlp.mlp.fc1."),
    (_VIDEO + r"mlp\.c_proj\.", r"video.\1.mlp.mlp.fc2."),
    (_OURS + r"temporal_cls_token$", "video_token"),
    (_OURS + r"balance$", "balance"),
    (_OURS + r"(?:proj\.0|norm)\.", "norm."),
    (rf"(?:{_OURS}proj\.2|cls_head\.fc_cls)\.", "head."),
    (r"backbone\.", ""),
)
