"""Words that several rooms share, each with one spelling and one meaning."""

from typing import Literal, get_args

SPLITS = ("train", "test")

# What a test clip is shown as: as it is, or under a control on the order of its frames.
CLIP = "clip"
Control = Literal["static", "shuffled", "reversed"]
INPUTS: tuple[str, ...] = (CLIP, *get_args(Control))
# The tap that stands for the model's input itself.
INPUT = "input"

# Verdicts of decoding that others act on: how one begins whose video is left out, and that of a
# file which no list of the split names.
REFUSED = "refused"
UNLISTED = "unlisted"

# Kinds of taps, and the two sides of a sub-layer's addition to the residual stream (METHOD 2).
TapKind = Literal[
    "spatial_attn", "temporal_attn", "joint_attn", "mlp", "conv", "local_attn", "global_attn"
]
Side = Literal["stream", "branch"]
