"""VideoMAE V2, fine-tuned: VideoMAE's network, up to a billion parameters, pre-trained with masks for encoder and decoder.

Paper: Wang, Huang, Zhao, Tong, He, Wang, Wang and Qiao, "VideoMAE V2: Scaling Video Masked Autoencoders with Dual Masking", CVPR 2023,
arXiv 2303.16727. Code: github.com/OpenGVLab/VideoMAEv2, models/modeling_finetune.py.

Released checkpoints, Kinetics-400 top-1 (the repository's docs/MODEL_ZOO.md, 16 frames, 5 × 3 views): vit_b_k710_dl_from_giant.pth (710
classes, float16, distilled) 86.6, vit_s_k710_dl_from_giant.pth 83.7; behind a form: vit_g_hybrid_pt_1200e_k400_ft 87.2 / top-5 97.4,
vit_g_hybrid_pt_1200e_k710_it_k400_ft 88.4 / 98.0, …_ucf101_ft (UCF101 99.6), …_hmdb51_ft (HMDB51 88.1). mmaction2's port of ViT-B:
vit-base-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400_20230510-3e7f93b2.pth, 86.6 / 97.3.
Layouts that `from_checkpoint` knows: the authors' (under "model" or "module"), mmaction2's, Hugging Face's VideoMAEForVideoClassification,
and our own. A sinusoid table in a file (mmaction2 keeps one) is left out: it is computed.

Particulars stand in blocks/videomae.py, since version 1 shares them; cosine attention is version 2's own (no released weights use it).
ViT-g is `patch_size: 14, embed_dim: 1408, depth: 40, heads: 16, mlp_ratio: 4.363636363636363`.
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
    cosine_attention: bool = False,
) -> VideoMAE:
    """ViT-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of a clip; others are refused. tubelet: frames of one token.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the positions, the attention outputs and inside the MLPs. head_dropout: before the last linear layer.
    layer_scale: start value of a factor per channel on each branch; 0: no such factor, as in all released weights.
    learnable_positions: a learnt table instead of the sinusoid. mean_pooling: classify the mean of all tokens, else the first token.
    cosine_attention: attention among unit vectors with a learnt sharpness per head; no released weights use it.
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
        cosine_attention=cosine_attention,
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
