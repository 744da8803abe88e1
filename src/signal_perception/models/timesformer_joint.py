"""TimeSformer with joint space-time attention: a ViT whose tokens of all frames attend to one another.

Paper: Bertasius, Wang and Torresani, "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021, arXiv 2102.05095.
Code: github.com/facebookresearch/TimeSformer, timesformer/models/vit.py.

Released checkpoints: the authors have none. mmaction2 trained timesformer_jointST_8xb8-8x32x1-15e_kinetics400-rgb_20220815-8022d1c0.pth,
Kinetics-400 top-1 / top-5 76.95 / 93.28 (8 frames, 1 × 3 views), with pixels −1…1 (mean 0.5, std 0.5).
Layouts that `from_checkpoint` knows: the authors' (of one's own training, under model_state, prefix "model."), mmaction2's, Hugging Face's
TimesformerForVideoClassification (attention_type joint_space_time), and our own. All are pure renamings of one another.

Names here are the authors', except that each block groups its parts by sub-layer (joint_attn, mlp). Particulars kept: tokens run (h w t),
time fastest, behind one class token, which attends like any other; position and time tables are resized by nearest neighbour.
"""

import torch
from torch import nn

from signal_perception.models.blocks import (
    Attention,
    AttentionSublayer,
    Mlp,
    MlpSublayer,
    Segment,
    renamed,
    rising,
)
from signal_perception.models.blocks.timesformer import BLOCK_NAMES, OUTER_NAMES, TimeSformer
from signal_perception.models.taps import Tap, Weights, attention_weights, mlp_weights, sublayer_taps


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
    """Joint TimeSformer-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of the position and time tables; clips of other sizes are taken too.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the tables, the attention outputs and inside the MLPs. head_dropout: before the last linear layer.
    zero_start: whether the time table starts at zero, as the authors have it; False to train from nothing, with both tables at std 1.
    """
    return TimeSformer(
        num_classes,
        [_block(embed_dim, heads, mlp_ratio, dropout, rate) for rate in rising(drop_path, depth)],
        img_size=img_size,
        patch_size=patch_size,
        frames=frames,
        dim=embed_dim,
        dropout=dropout,
        head_dropout=head_dropout,
        table_std=0.0 if zero_start else 1.0,
    )


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout (see above) in our names; names that belong to none are kept, for the strict load to refuse."""
    return renamed(state, _NAMES)


def taps(model: TimeSformer) -> list[Tap]:
    """Per block joint_attn and mlp, each as what it adds (branch) and as the stream after it."""
    found = []
    for i in range(len(model.blocks)):
        found += sublayer_taps(i, "joint_attn", f"blocks.{i}.joint_attn", "b (h w t) c", 1, "attn")
        found += sublayer_taps(i, "mlp", f"blocks.{i}.mlp", "b (h w t) c", 1, "mlp")
    return found


def segments(model: TimeSformer) -> list[Segment]:
    """embed, the blocks, head."""
    return model.segments()


def weights(model: TimeSformer) -> list[Weights]:
    """q, k, v, proj of joint_attn, mlp (both matrices)."""
    found = []
    for i in range(len(model.blocks)):
        found += attention_weights(model, "joint_attn", i, f"blocks.{i}.joint_attn.attn")
        found += mlp_weights(model, "mlp", i, f"blocks.{i}.mlp.mlp")
    return found


def _block(dim: int, heads: int, mlp_ratio: float, dropout: float, drop_path: float) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("joint_attn", AttentionSublayer(Attention(dim, heads, dropout), dim, drop_path=drop_path))
    block.add_module("mlp", MlpSublayer(Mlp(dim, round(dim * mlp_ratio), dropout), dim, drop_path=drop_path))
    return block


# the authors', mmaction2's, Hugging Face's beginning of a name → ours
_NAMES = (
    (BLOCK_NAMES + r"(?:norm1|norms\.0|layernorm_before)\.", r"blocks.\1.joint_attn.norm."),
    (
        BLOCK_NAMES + r"(?:attn\.qkv\.|attentions\.0\.attn\.in_proj_|attention\.attention\.qkv\.)",
        r"blocks.\1.joint_attn.attn.qkv.",
    ),
    (
        BLOCK_NAMES + r"(?:attn\.proj|attentions\.0\.attn\.out_proj|attention\.output\.dense)\.",
        r"blocks.\1.joint_attn.attn.proj.",
    ),
    (BLOCK_NAMES + r"(?:norm2|norms\.1|layernorm_after)\.", r"blocks.\1.mlp.norm."),
    (BLOCK_NAMES + r"(?:mlp\.fc1|ffns\.0\.layers\.0\.0|intermediate\.dense)\.", r"blocks.\1.mlp.mlp.fc1."),
    (BLOCK_NAMES + r"(?:mlp\.fc2|ffns\.0\.layers\.1|output\.dense)\.", r"blocks.\1.mlp.mlp.fc2."),
    *OUTER_NAMES,
)
