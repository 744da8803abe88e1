"""TimeSformer, divided space-time attention: blocks attend along time, then within each frame.

Paper: Bertasius, Wang and Torresani, "Is Space-Time Attention All You Need for Video
Understanding?", ICML 2021, arXiv 2102.05095. Code: github.com/facebookresearch/TimeSformer,
timesformer/models/vit.py.

Released checkpoints, Kinetics-400 top-1 / top-5 (the repository's README):
TimeSformer_divST_8x32_224_K400.pyth 77.9 / 93.2, TimeSformer_divST_16x16_448_K400.pyth (HR) 79.6 /
94.0, TimeSformer_divST_96x4_224_K400.pyth (L) 80.6 / 94.7; others for Kinetics-600 and
Something-Something v2. Pixels: mean 0.45, std 0.225.
Layouts that `from_checkpoint` knows: the authors' (under model_state, names with the prefix
"model."), mmaction2's (under state_dict; pixels there −1…1), Hugging Face's
TimesformerForVideoClassification, and our own. All are pure renamings of one another.

Network and particulars stand in families/timesformer.py, since joint TimeSformer shares them.
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
from signal_perception.models.families.timesformer_names import DIVIDED_NAMES

__all__ = ["Network", "build", "from_checkpoint", "segments", "taps", "weights"]


def build(num_classes: int, network: Network) -> TimeSformer:
    """A fresh model."""
    return TimeSformer(num_classes, network, divided=True)


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout in our names; unknown names stay, for the strict load to refuse."""
    return renamed(state, DIVIDED_NAMES)
