"""VideoMAE, fine-tuned: a plain ViT over tubelets, pre-trained by reconstructing masked videos.

Paper: Tong, Song, Wang and Wang, "VideoMAE: Masked Autoencoders are Data-Efficient Learners for
Self-Supervised Video Pre-Training", NeurIPS 2022, arXiv 2203.12602. Code:
github.com/MCG-NJU/VideoMAE, modeling_finetune.py.

Released checkpoints, Kinetics-400 top-1 / top-5 (the repository's MODEL_ZOO.md; checkpoint.pth of
each row, 16 frames, 5 × 3 views): ViT-B 800 epochs 80.0 / 94.4, ViT-B 1600 epochs 81.5 / 95.1,
ViT-S 79.0 / 93.8, ViT-L 85.2 / 96.8, ViT-H 86.6 / 97.1. mmaction2's port of ViT-B:
vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400_20221013-860a3cd3.pth, 81.3 / 95.0.

Network, layouts and particulars stand in families/videomae.py, since version 2 shares them.
"""

from signal_perception.models.families.videomae import (
    Network,
    VideoMAE,
    from_checkpoint,
    segments,
    taps,
    weights,
)

__all__ = ["Network", "build", "from_checkpoint", "segments", "taps", "weights"]


def build(num_classes: int, network: Network) -> VideoMAE:
    """A fresh model."""
    return VideoMAE(num_classes, network)
