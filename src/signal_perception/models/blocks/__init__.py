"""Building pieces that model files share: the state between segments, sub-layers, two families of vision transformers, and renaming.

Shape letters: b batch, t time, h height, w width, c channels, n tokens.
"""

from signal_perception.models.blocks.names import fused, renamed
from signal_perception.models.blocks.state import Segment, State, Tokens, fold
from signal_perception.models.blocks.sublayers import (
    PORTION,
    Attention,
    AttentionSublayer,
    Mlp,
    MlpSublayer,
    frugal,
    gelu,
    in_portions,
    init_linear,
    quick_gelu,
    rising,
)
from signal_perception.models.blocks.timesformer import TimeSformer
from signal_perception.models.blocks.videomae import VideoMAE

__all__ = [
    "PORTION",
    "Attention",
    "AttentionSublayer",
    "Mlp",
    "MlpSublayer",
    "Segment",
    "State",
    "TimeSformer",
    "Tokens",
    "VideoMAE",
    "fold",
    "frugal",
    "fused",
    "gelu",
    "in_portions",
    "init_linear",
    "quick_gelu",
    "renamed",
    "rising",
]
