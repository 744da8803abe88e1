"""UniFormerV2: an image ViT (CLIP) that looks at frames one by one, and a small decoder that relates all of them.

Paper: Li, Wang, He, Li, Wang, Wang and Qiao, "UniFormerV2: Spatiotemporal Learning by Arming Image ViTs with Video UniFormer", ICCV 2023,
arXiv 2211.09552. Code: github.com/OpenGVLab/UniFormerV2, slowfast/models/uniformerv2_model.py.

Released checkpoints, Kinetics-400 top-1 (the repository's MODEL_ZOO.md; 8 frames, 4 × 3 views): k400_uniformerv2_b16_8x224.pyth 84.4,
k400_k710_uniformerv2_b16_8x224.pyth 85.6; k710_uniformerv2_b16_8x224.pyth has 710 classes, the first 400 of them Kinetics-400's.
mmaction2: uniformerv2-base-p16-res224_clip-kinetics710-pre_8xb32-u8_kinetics400-rgb_20230313-75be0806.pth, 85.8 / top-5 97.1, in its
own order of classes.
Layouts that `from_checkpoint` knows: the authors' (bare, prefix "backbone.", or under model_state), mmaction2's, and our own.

Names here follow the authors', but each block groups its parts by sub-layer (local_attn, spatial_attn, local_attn_2, mlp), and the
decoder's blocks are `video.j` with `memory` (the authors' dpe), `attn` and `mlp`. Particulars kept: LayerNorm eps 1e-5; QuickGELU; local
relations (local_attn, off in the Kinetics releases) touch patch tokens only; a decoder block reads a copy of the tokens to whose patches
a depth-wise 3×3×3 convolution has been added, through one query, a token of the whole video; the stream of tokens never sees that copy
nor the query. The decoder's tap, global_attn, is that copy: what the video-level attention listens to, and the only part of it that has
frames.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from timm.layers.drop import DropPath
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.layers.weight_init import trunc_normal_
from torch import nn
from torch.nn import functional as F

from signal_perception.errors import UserError
from signal_perception.models.blocks import (
    Attention,
    AttentionSublayer,
    Mlp,
    MlpSublayer,
    Segment,
    State,
    Tokens,
    fold,
    init_linear,
    quick_gelu,
    renamed,
    rising,
)
from signal_perception.models.taps import Tap, Weights, attention_weights, mlp_weights, sublayer_taps, weight

_EPS = 1e-5
_LOCAL = ("local_attn", "local_attn_2")


def build(
    num_classes: int,
    *,
    img_size: int = 224,
    patch_size: int = 16,
    embed_dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    halve_time: bool = False,
    local_attention: int = 0,
    local_reduction: float = 1.5,
    global_blocks: tuple[int, ...] = (8, 9, 10, 11),
    mlp_ratio: float = 4.0,
    drop_path: float = 0.0,
    mlp_dropout: float = 0.5,
    head_dropout: float = 0.5,
    fuse_frames: bool = True,
    zero_start: bool = True,
) -> "UniFormerV2":
    """UniFormerV2-B/16 as fine-tuned on Kinetics, by default.

    Parameters
    ----------
    img_size: side of the picture that the position table covers; clips of any number of frames are taken.
    halve_time: patches of three frames, every second frame. local_attention: local relations per block, 0, 1 (before the attention) or
        2 (after it too), through 1/local_reduction of the channels.
    global_blocks: blocks whose output the decoder reads, in rising order.
    drop_path: rate of the last block of the ViT and of the decoder, rising linearly from 0. mlp_dropout: in the decoder's MLPs.
    fuse_frames: classify a learnt mixture of the video's token and the mean of the frames' class tokens, else the video's token alone.
    zero_start: whether what is added to the ViT starts at zero, as the authors have it; False to train from nothing.
    """
    if img_size % patch_size:
        raise UserError(f"img_size = {img_size} is no multiple of patch_size = {patch_size}: choose one that is")
    if list(global_blocks) != sorted(set(global_blocks)) or not 0 <= global_blocks[0] <= global_blocks[-1] < depth:
        raise UserError(f"global_blocks = {global_blocks} must rise within 0 … {depth - 1}, the blocks there are")
    if not 0 <= local_attention <= 2:
        raise UserError(f"local_attention = {local_attention}: a block has 0, 1 or 2 of them")
    model = UniFormerV2(
        num_classes,
        img_size,
        patch_size,
        embed_dim,
        depth,
        heads,
        halve_time,
        local_attention,
        local_reduction,
        global_blocks,
        mlp_ratio,
        drop_path,
        mlp_dropout,
        head_dropout,
        fuse_frames,
    )
    if zero_start:
        model.silence()
    return model


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout (see above) in our names; names that belong to none are kept, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: "UniFormerV2") -> list[Tap]:
    """Per block local_attn (where there is one), spatial_attn, local_attn_2, mlp, and global_attn where the decoder reads."""
    found = []
    layout = "(b t) (h w) c"
    for i, block in enumerate(model.blocks):
        for name, _ in block.named_children():
            part = {"local_attn": "conv", "local_attn_2": "conv", "spatial_attn": "attn", "mlp": "mlp"}[name]
            own = ("b c t h w", 0) if part == "conv" else (layout, 1)
            for tap in sublayer_taps(i, name, f"blocks.{i}.{name}", layout, 1, part, own):
                found.append(replace(tap, kind=name.removesuffix("_2")))
        if i in model.global_blocks:
            path = f"video.{model.global_blocks.index(i)}.memory"
            found += sublayer_taps(i, "global_attn", path, layout, 1, "conv", ("b c t h w", 0))
    return found


def segments(model: "UniFormerV2") -> list[Segment]:
    """embed, the blocks (each with the decoder block that reads it, if any), head."""
    steps = [Segment("embed", None, model.embed)]
    for i, block in enumerate(model.blocks):
        parts = [block]
        if i in model.global_blocks:
            parts.append(model.video[model.global_blocks.index(i)])
        steps.append(Segment(f"block.{i:02d}", i, partial(_chain, parts)))
    return [*steps, Segment("head", None, model.classify)]


def weights(model: "UniFormerV2") -> list[Weights]:
    """local_attn (its kernels), q, k, v, proj of spatial_attn, mlp; of the decoder: dpe (its kernel), q, k, v, proj of global_attn and
    its MLP (global_mlp)."""
    found = []
    for i, block in enumerate(model.blocks):
        for name in _LOCAL:
            if hasattr(block, name):
                for part in (0, 1, 2):
                    found.append(weight(model, "local_attn", i, f"blocks.{i}.{name}.conv.{part}.weight"))
        found += attention_weights(model, "spatial_attn", i, f"blocks.{i}.spatial_attn.attn")
        found += mlp_weights(model, "mlp", i, f"blocks.{i}.mlp.mlp")
        if i in model.global_blocks:
            path = f"video.{model.global_blocks.index(i)}"
            found.append(weight(model, "dpe", i, f"{path}.memory.conv.weight"))
            found += attention_weights(model, "global_attn", i, f"{path}.attn")
            found += mlp_weights(model, "global_mlp", i, f"{path}.mlp.mlp")
    return found


class UniFormerV2(nn.Module):
    """(b 3 t h w) → (b classes). The stream is (b*t 1+h*w c): the class token of each frame, then its patches."""

    classifier = "head"

    def __init__(
        self,
        num_classes: int,
        img_size: int,
        patch_size: int,
        dim: int,
        depth: int,
        heads: int,
        halve_time: bool,
        local_attention: int,
        local_reduction: float,
        global_blocks: tuple[int, ...],
        mlp_ratio: float,
        drop_path: float,
        mlp_dropout: float,
        head_dropout: float,
        fuse_frames: bool,
    ):
        super().__init__()
        frames, step = (3, 2) if halve_time else (1, 1)
        self.patch_size, self.global_blocks = patch_size, global_blocks
        self.conv1 = nn.Conv3d(
            3, dim, (frames, patch_size, patch_size), (step, patch_size, patch_size), (frames // 2, 0, 0), bias=False
        )
        self.class_embedding = nn.Parameter(dim**-0.5 * torch.randn(dim))
        self.positional_embedding = nn.Parameter(dim**-0.5 * torch.randn(1 + (img_size // patch_size) ** 2, dim))
        self.ln_pre = nn.LayerNorm(dim)
        hidden = int(dim * mlp_ratio)
        self.blocks = nn.ModuleList()
        for rate in rising(drop_path, depth):
            block = nn.Sequential()
            if local_attention > 0:
                block.add_module("local_attn", _LocalAttention(dim, local_reduction, rate))
            block.add_module("spatial_attn", AttentionSublayer(Attention(dim, heads), dim, eps=_EPS, drop_path=rate))
            if local_attention > 1:
                block.add_module("local_attn_2", _LocalAttention(dim, local_reduction, rate))
            mlp = Mlp(dim, hidden, activation=quick_gelu)
            block.add_module("mlp", MlpSublayer(mlp, dim, eps=_EPS, drop_path=rate))
            self.blocks.append(block)
        self.video = nn.ModuleList(
            _VideoBlock(dim, heads, hidden, mlp_dropout, rate) for rate in rising(drop_path, len(global_blocks))
        )
        self.video_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.balance = nn.Parameter(torch.zeros(dim)) if fuse_frames else None
        self.norm = nn.LayerNorm(dim)
        self.head_drop = nn.Dropout(head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)
        trunc_normal_(self.video_token, std=0.02)

    def silence(self) -> None:
        """Start what is not part of the image ViT at zero: the query, what decoder and local relations add to their streams."""
        nn.init.zeros_(self.video_token)
        for name, parameter in self.named_parameters():
            if re.fullmatch(
                r"video\.\d+\.(attn\.proj|mlp\.mlp\.fc2)\.weight|blocks\.\d+\.local_attn(_2)?\.conv\.2\..+", name
            ):
                nn.init.zeros_(parameter)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm's optimisers leave out of weight decay, beside biases and norms."""
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
        """A state dict whose position table has this model's height and width, resized bicubically, as the authors do."""
        found, table = dict(state), state.get("positional_embedding")
        count = self.positional_embedding.shape[0]
        if table is not None and table.ndim == 2 and table.shape[0] != count:
            side = round((count - 1) ** 0.5)
            old = round((table.shape[0] - 1) ** 0.5)
            if old * old == table.shape[0] - 1:
                found["positional_embedding"] = resample_abs_pos_embed(table[None], [side, side], antialias=False)[0]
        return found

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w) → normalised class and patch tokens of each frame, (b*t 1+h*w c), and the video's token (b 1 c)."""
        assert isinstance(clip, torch.Tensor)
        x = self.conv1(clip)  # b c t h w
        b, c, *grid = x.shape
        if grid[1] * grid[2] != self.positional_embedding.shape[0] - 1:
            side = round((self.positional_embedding.shape[0] - 1) ** 0.5) * self.patch_size
            raise UserError(
                f"this UniFormerV2 takes frames of {side} × {side}, and got {clip.shape[3]} × {clip.shape[4]}: "
                f"set img_size of its network to the frames' size"
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
            nn.Conv3d(inner, inner, (3, 1, 1), padding=(1, 0, 0), groups=inner),
            nn.Conv3d(inner, dim, 1),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens._replace(x=_with_patches(tokens, lambda x: x + self.drop_path(self.conv(self.norm(x)))))


class _Memory(nn.Module):
    """A copy of the tokens, to whose patches their depth-wise 3×3×3 convolution is added."""

    def __init__(self, dim: int):
        super().__init__()
        self.conv = nn.Conv3d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, tokens: Tokens) -> Tokens:
        return tokens._replace(x=_with_patches(tokens, lambda x: x + self.conv(x)))


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
        q = F.linear(query, weight[:dim], bias[:dim]).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # b head 1 d
        kv = F.linear(memory, weight[dim:], bias[dim:]).unflatten(-1, (2, self.heads, -1))
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _VideoBlock(nn.Module):
    """One block of the decoder: the video's token attends to the memory of one block's tokens, then goes through an MLP."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float, drop_path: float):
        super().__init__()
        self.memory = _Memory(dim)
        self.norm_query, self.norm_memory = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = _CrossAttention(dim, heads)
        self.drop_path = DropPath(drop_path)
        mlp = Mlp(dim, hidden, dropout, activation=quick_gelu)
        mlp.drop2 = nn.Dropout(0.0)  # the authors drop after the activation only
        self.mlp = MlpSublayer(mlp, dim, eps=_EPS, drop_path=drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        assert tokens.video is not None
        memory = self.memory(tokens).x.unflatten(0, (-1, tokens.grid[0])).flatten(1, 2)  # b t*(1+h*w) c
        video = tokens.video + self.drop_path(self.attn(self.norm_query(tokens.video), self.norm_memory(memory)))
        return tokens._replace(video=self.mlp(Tokens(video, (1, 1, 1))).x)


def _with_patches(tokens: Tokens, change: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The tokens (b*t 1+h*w c) after `change`, a function of the patches' map (b c t h w)."""
    t, h, w = tokens.grid
    cls, patches = tokens.x[:, :1], tokens.x[:, 1:]
    changed = change(patches.unflatten(1, (h, w)).unflatten(0, (-1, t)).movedim(-1, 1))
    return torch.cat((cls, changed.movedim(1, -1).flatten(0, 1).flatten(1, 2)), 1)


def _chain(modules: list[nn.Module], x: State) -> State:
    for module in modules:
        x = module(x)
    return x


# the authors' and mmaction2's beginning of a name → ours
_OURS = r"(?:backbone\.)?transformer\."
_BLOCK, _VIDEO = _OURS + r"resblocks\.(\d+)\.", _OURS + r"dec\.(\d+)\."
_NAMES = (
    (_BLOCK + r"lmhra1\.pos_embed\.0\.", r"blocks.\1.local_attn.norm."),
    *((_BLOCK + rf"lmhra1\.pos_embed\.{n + 1}\.", rf"blocks.\1.local_attn.conv.{n}.") for n in range(3)),
    (_BLOCK + r"ln_1\.", r"blocks.\1.spatial_attn.norm."),
    (_BLOCK + r"attn\.in_proj_", r"blocks.\1.spatial_attn.attn.qkv."),
    (_BLOCK + r"attn\.out_proj\.", r"blocks.\1.spatial_attn.attn.proj."),
    (_BLOCK + r"lmhra2\.pos_embed\.0\.", r"blocks.\1.local_attn_2.norm."),
    *((_BLOCK + rf"lmhra2\.pos_embed\.{n + 1}\.", rf"blocks.\1.local_attn_2.conv.{n}.") for n in range(3)),
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
