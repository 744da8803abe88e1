"""VideoMAE, fine-tuned: a plain ViT over tubelets, pre-trained by reconstructing masked videos.

Paper: Tong, Song, Wang and Wang, "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video Pre-Training",
NeurIPS 2022, arXiv 2203.12602. Code: github.com/MCG-NJU/VideoMAE, modeling_finetune.py.

Released checkpoints, Kinetics-400 top-1 / top-5 (the repository's MODEL_ZOO.md; checkpoint.pth of each row, 16 frames, 5 × 3 views): ViT-B
800 epochs 80.0 / 94.4, ViT-B 1600 epochs 81.5 / 95.1, ViT-S 79.0 / 93.8, ViT-L 85.2 / 96.8, ViT-H 86.6 / 97.1. mmaction2's port of ViT-B:
vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400_20221013-860a3cd3.pth, 81.3 / 95.0.
Layouts that `from_checkpoint` knows: the authors' (under "model" or "module", half precision where DeepSpeed wrote it), mmaction2's,
Hugging Face's VideoMAEForVideoClassification, and our own. A sinusoid table in a file (mmaction2 keeps one) is left out: it is computed.

Particulars stand in blocks/videomae.py, since version 2 shares them. Names here are the authors', except that each block groups its parts
by sub-layer (joint_attn, mlp).
"""

import torch

from signal_perception.models.blocks import Segment
from signal_perception.models.blocks.videomae import VideoMAE, in_our_names
from signal_perception.models.taps import Tap, Weights, attention_weights, mlp_weights, sublayer_taps


def build(
    num_classes: int,
    *,
    img_size: int = 224,
    patch_size: int = 16,
    frames: int = 16,
    tubelet: int = 2,
    embed_dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.1,
    dropout: float = 0.0,
    head_dropout: float = 0.0,
    layer_scale: float = 0.0,
    learnable_positions: bool = False,
    mean_pooling: bool = True,
) -> VideoMAE:
    """ViT-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of a clip; others are refused. tubelet: frames of one token.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the positions, the attention outputs and inside the MLPs. head_dropout: before the last linear layer.
    layer_scale: start value of a factor per channel on each branch; 0: no such factor, as in all released weights.
    learnable_positions: a learnt table instead of the sinusoid. mean_pooling: classify the mean of all tokens, else the first token.
    """
    return VideoMAE(
        num_classes,
        img_size=img_size,
        patch_size=patch_size,
        frames=frames,
        tubelet=tubelet,
        dim=embed_dim,
        depth=depth,
        heads=heads,
        mlp_ratio=mlp_ratio,
        drop_path=drop_path,
        dropout=dropout,
        head_dropout=head_dropout,
        layer_scale=layer_scale,
        learnable_positions=learnable_positions,
        mean_pooling=mean_pooling,
    )


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout (see above) in our names; names that belong to none are kept, for the strict load to refuse."""
    return in_our_names(state)


def taps(model: VideoMAE) -> list[Tap]:
    """Per block joint_attn and mlp, each as what it adds (branch) and as the stream after it."""
    found = []
    for i in range(len(model.blocks)):
        for kind, part in (("joint_attn", "attn"), ("mlp", "mlp")):
            branch = "scale" if model.layer_scale else part
            found += sublayer_taps(i, kind, f"blocks.{i}.{kind}", "b (t h w) c", 0, branch)
    return found


def segments(model: VideoMAE) -> list[Segment]:
    """embed, the blocks, head."""
    return model.segments()


def weights(model: VideoMAE) -> list[Weights]:
    """q, k, v, proj of joint_attn, mlp (both matrices)."""
    found = []
    for i in range(len(model.blocks)):
        found += attention_weights(model, "joint_attn", i, f"blocks.{i}.joint_attn.attn")
        found += mlp_weights(model, "mlp", i, f"blocks.{i}.mlp.mlp")
    return found
