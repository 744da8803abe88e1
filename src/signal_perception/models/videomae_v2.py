"""VideoMAE V2, fine-tuned: VideoMAE's network, pre-trained with masks for encoder and decoder.

Paper: Wang, Huang, Zhao, Tong, He, Wang, Wang and Qiao, "VideoMAE V2: Scaling Video Masked
Autoencoders with Dual Masking", CVPR 2023, arXiv 2303.16727. Code: github.com/OpenGVLab/VideoMAEv2,
models/modeling_finetune.py. It has up to a billion parameters: ViT-g is `patch_size: 14, embed_dim:
1408, depth: 40, heads: 16, mlp_ratio: 4.363636363636363`.

Released checkpoints, Kinetics-400 top-1 (the repository's docs/MODEL_ZOO.md, 16 frames, 5 × 3
views): vit_b_k710_dl_from_giant.pth (710 classes, float16, distilled) 86.6,
vit_s_k710_dl_from_giant.pth 83.7; behind a form: vit_g_hybrid_pt_1200e_k400_ft 87.2 / top-5 97.4,
vit_g_hybrid_pt_1200e_k710_it_k400_ft 88.4 / 98.0, …_ucf101_ft (UCF101 99.6), …_hmdb51_ft (HMDB51
88.1). mmaction2's port of ViT-B:
vit-base-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400_20230510-3e7f93b2.pth, 86.6 / 97.3.

Network, layouts and particulars stand in families/videomae.py, since version 1 shares them; cosine
attention is version 2's own.
"""

from dataclasses import dataclass

from signal_perception.models.families import videomae
from signal_perception.models.families.videomae import (
    VideoMAE,
    from_checkpoint,
    segments,
    taps,
    weights,
)

__all__ = ["Network", "build", "from_checkpoint", "segments", "taps", "weights"]


@dataclass(frozen=True)
class Network(videomae.Network):
    """Network numbers of the family (families/videomae.py), and one more.

    Parameters
    ----------
    cosine_attention: attention among unit vectors with a learnt sharpness per head; no released
        weights use it.
    """

    cosine_attention: bool = False


def build(num_classes: int, network: Network) -> VideoMAE:
    """A fresh model."""
    return VideoMAE(num_classes, network, cosine_attention=network.cosine_attention)
