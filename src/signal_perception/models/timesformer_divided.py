"""TimeSformer with divided space-time attention: a ViT whose blocks attend along time, then within each frame.

Paper: Bertasius, Wang and Torresani, "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021, arXiv 2102.05095.
Code: github.com/facebookresearch/TimeSformer, timesformer/models/vit.py.

Released checkpoints, Kinetics-400 top-1 / top-5 (the repository's README): TimeSformer_divST_8x32_224_K400.pyth 77.9 / 93.2,
TimeSformer_divST_16x16_448_K400.pyth (HR) 79.6 / 94.0, TimeSformer_divST_96x4_224_K400.pyth (L) 80.6 / 94.7; others
for Kinetics-600 and Something-Something v2. Pixels: mean 0.45, std 0.225.
Layouts that `from_checkpoint` knows: the authors' (under model_state, names with the prefix "model."), mmaction2's (under state_dict;
pixels there −1…1), Hugging Face's TimesformerForVideoClassification, and our own. All are pure renamings of one another.

Names here are the authors', except that each block groups its parts by sub-layer (temporal_attn, spatial_attn, mlp), so that the
residual stream after each is the output of a module. Particulars kept: tokens run (h w t), time fastest, behind one class token; the
class token takes no part in temporal attention, joins every frame in spatial attention, and its outputs are averaged over frames; position
and time tables are resized by nearest neighbour in the forward pass; drop path acts on single sequences (of one place, of one frame).
In a fresh model `temporal_fc` (here `temporal_attn.attn.fc`, in all blocks) and the time table start at zero, which suits a start from an
image ViT: the model begins as one without temporal attention and cannot tell the order of frames. Trained from nothing it hardly finds
out, so `zero_start=False` gives both a random start, and both tables one that is heard. Other weights start as Glorot has it instead of
with std 0.02: much the same at width 768, and narrow networks learn at all.
"""

import torch
from timm.layers.drop import DropPath
from torch import nn
from torch.nn import functional as F

from signal_perception.models.blocks import (
    Attention,
    Mlp,
    MlpSublayer,
    Segment,
    Tokens,
    frugal,
    in_portions,
    renamed,
    rising,
)
from signal_perception.models.blocks.timesformer import BLOCK_NAMES, OUTER_NAMES, TimeSformer
from signal_perception.models.taps import Tap, Weights, attention_weights, mlp_weights, sublayer_taps, weight


def build(
    num_classes: int,
    *,
    img_size: int = 224,
    patch_size: int = 16,
    frames: int = 8,
    embed_dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.1,
    dropout: float = 0.0,
    head_dropout: float = 0.0,
    zero_start: bool = True,
) -> TimeSformer:
    """TimeSformer-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of the position and time tables; clips of other sizes are taken too.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the tables, the attention outputs and inside the MLPs. head_dropout: before the last linear layer.
    zero_start: whether temporal_fc and the time table start at zero, as the authors have it; False to train from nothing, with both
        tables starting at std 1.
    """
    model = TimeSformer(
        num_classes,
        [_block(embed_dim, heads, mlp_ratio, dropout, rate) for rate in rising(drop_path, depth)],
        img_size=img_size,
        patch_size=patch_size,
        frames=frames,
        dim=embed_dim,
        dropout=dropout,
        head_dropout=head_dropout,
        table_std=0.0
        if zero_start
        else 1.0,  # louder than the patch embeddings: at 0.02 a narrow network hardly hears where and when
    )
    if zero_start:
        for i in range(depth):
            nn.init.zeros_(model.get_parameter(f"blocks.{i}.temporal_attn.attn.fc.weight"))
    return model


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout (see above) in our names; names that belong to none are kept, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: TimeSformer) -> list[Tap]:
    """Per block temporal_attn, spatial_attn and mlp, each as what it adds (branch) and as the stream after it."""
    found = []
    for i in range(len(model.blocks)):
        for kind, branch, layout, drop in (
            ("temporal_attn", "attn", "(b h w) t c", 0),
            ("spatial_attn", "attn", "(b t) (h w) c", 1),
            ("mlp", "mlp", "b (h w t) c", 1),
        ):
            found += sublayer_taps(i, kind, f"blocks.{i}.{kind}", "b (h w t) c", 1, branch, (layout, drop))
    return found


def segments(model: TimeSformer) -> list[Segment]:
    """embed, the blocks, head."""
    return model.segments()


def weights(model: TimeSformer) -> list[Weights]:
    """q, k, v, proj of temporal_attn and spatial_attn, the fc of temporal_attn, mlp (both matrices)."""
    found = []
    for i in range(len(model.blocks)):
        found += attention_weights(model, "temporal_attn", i, f"blocks.{i}.temporal_attn.attn")
        found.append(weight(model, "temporal_attn.fc", i, f"blocks.{i}.temporal_attn.attn.fc.weight"))
        found += attention_weights(model, "spatial_attn", i, f"blocks.{i}.spatial_attn.attn")
        found += mlp_weights(model, "mlp", i, f"blocks.{i}.mlp.mlp")
    return found


class _TemporalAttention(nn.Module):
    """Attention among the t tokens of each place; the class token passes by."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = _AttentionThenLinear(dim, heads, dropout, drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        x, (t, _, _), _ = tokens
        cls, patches = x[:, :1], x[:, 1:]  # b 1 c, b h*w*t c
        series = self.norm(patches).unflatten(1, (-1, t)).flatten(0, 1)  # b*h*w t c
        return tokens._replace(x=torch.cat((cls, patches + self.attn(series).view(patches.shape)), 1))


class _AttentionThenLinear(Attention):
    """Attention whose output, after drop path, goes through one more linear layer (the authors' temporal_fc)."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)
        self.fc = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not frugal(x) or torch.is_autocast_enabled("cpu"):
            return self.fc(self.drop_path(super().forward(x)))
        # two linear layers with nothing between them are one: 1/17 less arithmetic in the block
        weight = self.fc.weight @ self.proj.weight
        bias = F.linear(self.proj.bias, self.fc.weight, self.fc.bias)
        return in_portions(lambda part: F.linear(self.mixed(part), weight, bias), x)


class _SpatialAttention(nn.Module):
    """Attention among the h*w tokens of each frame and a copy of the class token, whose outputs are averaged over frames."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        x, (t, _, _), _ = tokens
        cls, patches = x[:, :1], x[:, 1:].unflatten(1, (-1, t))  # b 1 c, b h*w t c
        frames = torch.cat((cls.unsqueeze(1).expand(-1, t, -1, -1), patches.transpose(1, 2)), 2)  # b t 1+h*w c
        added = self.drop_path(self.attn(self.norm(frames).flatten(0, 1))).view(frames.shape)
        cls = cls + added[:, :, 0].mean(1, keepdim=True)
        patches = patches + added[:, :, 1:].transpose(1, 2)
        return tokens._replace(x=torch.cat((cls, patches.flatten(1, 2)), 1))


def _block(dim: int, heads: int, mlp_ratio: float, dropout: float, drop_path: float) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("temporal_attn", _TemporalAttention(dim, heads, dropout, drop_path))
    block.add_module("spatial_attn", _SpatialAttention(dim, heads, dropout, drop_path))
    block.add_module("mlp", MlpSublayer(Mlp(dim, round(dim * mlp_ratio), dropout), dim, drop_path=drop_path))
    return block


# the authors', mmaction2's, Hugging Face's beginning of a name → ours
_NAMES = (
    (BLOCK_NAMES + r"(?:temporal_norm1|attentions\.0\.norm|temporal_layernorm)\.", r"blocks.\1.temporal_attn.norm."),
    (
        BLOCK_NAMES + r"(?:temporal_attn\.qkv\.|attentions\.0\.attn\.in_proj_|temporal_attention\.attention\.qkv\.)",
        r"blocks.\1.temporal_attn.attn.qkv.",
    ),
    (
        BLOCK_NAMES + r"(?:temporal_attn\.proj|attentions\.0\.attn\.out_proj|temporal_attention\.output\.dense)\.",
        r"blocks.\1.temporal_attn.attn.proj.",
    ),
    (BLOCK_NAMES + r"(?:temporal_fc|attentions\.0\.temporal_fc|temporal_dense)\.", r"blocks.\1.temporal_attn.attn.fc."),
    (BLOCK_NAMES + r"(?:norm1|attentions\.1\.norm|layernorm_before)\.", r"blocks.\1.spatial_attn.norm."),
    (
        BLOCK_NAMES + r"(?:attn\.qkv\.|attentions\.1\.attn\.in_proj_|attention\.attention\.qkv\.)",
        r"blocks.\1.spatial_attn.attn.qkv.",
    ),
    (
        BLOCK_NAMES + r"(?:attn\.proj|attentions\.1\.attn\.out_proj|attention\.output\.dense)\.",
        r"blocks.\1.spatial_attn.attn.proj.",
    ),
    (BLOCK_NAMES + r"(?:norm2|ffns\.0\.norm|layernorm_after)\.", r"blocks.\1.mlp.norm."),
    (BLOCK_NAMES + r"(?:mlp\.fc1|ffns\.0\.layers\.0\.0|intermediate\.dense)\.", r"blocks.\1.mlp.mlp.fc1."),
    (BLOCK_NAMES + r"(?:mlp\.fc2|ffns\.0\.layers\.1|output\.dense)\.", r"blocks.\1.mlp.mlp.fc2."),
    *OUTER_NAMES,
)
