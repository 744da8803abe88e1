"""TimeSformer, joint space-time attention: the tokens of all frames attend to one another.

Paper: Bertasius, Wang and Torresani, "Is Space-Time Attention All You Need for Video
Understanding?", ICML 2021, arXiv 2102.05095. Code: github.com/facebookresearch/TimeSformer,
timesformer/models/vit.py.

Released checkpoints: the authors have none. mmaction2 trained
timesformer_jointST_8xb8-8x32x1-15e_kinetics400-rgb_20220815-8022d1c0.pth, Kinetics-400 top-1 /
top-5 76.95 / 93.28 (8 frames, 1 × 3 views), with pixels −1…1 (mean 0.5, std 0.5).
Layouts that `from_checkpoint` knows: the authors' (of one's own training, under model_state, prefix
"model."), mmaction2's, Hugging Face's TimesformerForVideoClassification (attention_type
joint_space_time), and our own. All are pure renamings of one another.

Network and particulars stand in families/timesformer.py, since divided TimeSformer shares them.
"""

import torch

from signal_perception.models.core.names import renamed
from signal_perception.models.families.timesformer import (
    Network,
    TimeSformer,
    segments,
    taps,
    weights,
)
from signal_perception.models.families.timesformer_names import JOINT_NAMES

__all__ = ["Network", "build", "from_checkpoint", "segments", "taps", "weights"]


def build(num_classes: int, network: Network) -> TimeSformer:
    """A fresh model."""
    return TimeSformer(num_classes, network, divided=False)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout in our names; unknown names stay, for the strict load to refuse."""
    return renamed(state, JOINT_NAMES)
