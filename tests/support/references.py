"""Where the authors' outputs for a tap of ours are found, and in which layout: one entry per model.

The reference folder (see conftest.py) holds, per model, small networks ("cases") and full-size ones
("variants"), all with the weights and clips of fill.py. Branches and block outputs lie in small.npz
under the authors' module names, residual streams in small_stream.npz.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from signal_perception.models import i3d_inception

Network = dict[str, Any]


@dataclass(frozen=True)
class Theirs:
    """One tensor of the authors.

    name: with {i} for the block, {path} for its path in our model, {j} for the decoder block.
    layout, drop: einops layout, and leading tokens that are no patches.
    split: pattern that takes axes apart before.
    gain: state-dict key of a factor per channel that ours has applied already.
    noise: name of the tap whose float32 error counts, where the tensor itself has none (a stream:
        the block's output).
    """

    name: str
    layout: str
    drop: int = 0
    split: str = ""
    gain: str = ""
    noise: str = ""


@dataclass(frozen=True)
class Reference:
    """One model: its folder, and the network numbers of each case and variant.

    taps: for each (kind, side) of tap where the authors have it. local: the same for blocks that
    have a local_attn, where they differ (UniFormer).
    """

    folder: str
    cases: Mapping[str, Network]
    variants: Mapping[str, Network]
    taps: Mapping[tuple[str, str], Theirs]
    local: Mapping[tuple[str, str], Theirs] = field(default_factory=dict)


def _streams(
    kinds: Mapping[str, str], layout: str, drop: int, block: str, **more: Any
) -> dict[tuple[str, str], Theirs]:
    """Streams after the sub-layers of a block; kinds: ours → the name in the reference's file."""
    return {
        (kind, "stream"): Theirs(f"{{i}}.{theirs}.stream", layout, drop, noise=block, **more)
        for kind, theirs in kinds.items()
    }


_TIMESFORMER = {"img_size": 64, "frames": 4, "embed_dim": 48, "depth": 2, "heads": 3}
_VIDEOMAE = {"img_size": 64, "frames": 4, "embed_dim": 48, "depth": 2, "heads": 3}
_UNIFORMER = {"embed_dims": [16, 32, 64, 96], "head_dim": 16}
_UNIFORMER_V2 = {"img_size": 64, "embed_dim": 48, "depth": 4, "heads": 3, "global_blocks": [2, 3]}
_SWIN = {"embed_dim": 24, "depths": [2, 2], "heads": [2, 4], "window": [2, 4, 4]}
_GIANT = {"patch_size": 14, "embed_dim": 1408, "depth": 40, "heads": 16, "mlp_ratio": 48 / 11}
_TIME_FASTEST, _TIME_SLOWEST, _MAP = "b (h w t) c", "b (t h w) c", "b c t h w"
_FRAMES, _CLIP_FRAMES = "(b t) (h w) c", "(h w) (b t) c"

_VIDEOMAE_TAPS = {
    ("joint_attn", "branch"): Theirs("blocks.{i}.attn", _TIME_SLOWEST, gain="blocks.{i}.gamma_1"),
    ("mlp", "branch"): Theirs("blocks.{i}.mlp", _TIME_SLOWEST, gain="blocks.{i}.gamma_2"),
    **_streams({"joint_attn": "attn", "mlp": "mlp"}, _TIME_SLOWEST, 0, "blocks.{i}"),
}

REFERENCES = {
    "i3d": Reference(
        "i3d",
        {case: {} for case in ("net_8x64x64", "net_16x112x112", "net_odd_9x67x75")},
        {"r50_32x224": {}},
        {
            ("conv", "branch"): Theirs("backbone.{path}.conv3", _MAP),
            ("conv", "stream"): Theirs("backbone.{path}", _MAP),
        },
    ),
    "i3d_inception": Reference(
        "i3d_inception",
        {case: {} for case in ("net_12x200x200", "net_odd_11x199x205")},
        {"rgb": {}},
        {("conv", "stream"): Theirs("{path}", _MAP)},
    ),
    "timesformer_divided": Reference(
        "timesformer_divided",
        {
            "base": _TIMESFORMER,
            "resized_input": _TIMESFORMER,
            "deep": {"img_size": 32, "frames": 3, "embed_dim": 48, "depth": 4, "heads": 3},
        },
        {"base_8x224": {}},
        {
            ("temporal_attn", "branch"): Theirs("blocks.{i}.temporal_fc", _TIME_FASTEST),
            ("spatial_attn", "branch"): Theirs("blocks.{i}.attn", _FRAMES, 1),
            ("mlp", "branch"): Theirs("blocks.{i}.mlp", _TIME_FASTEST, 1),
            **_streams(
                {kind: kind for kind in ("temporal_attn", "spatial_attn", "mlp")},
                _TIME_FASTEST,
                1,
                "blocks.{i}",
            ),
        },
    ),
    "timesformer_joint": Reference(
        "timesformer_joint",
        {"base": _TIMESFORMER, "resized_input": _TIMESFORMER},
        {"base_8x224": {}},
        {
            ("joint_attn", "branch"): Theirs("blocks.{i}.attn", _TIME_FASTEST, 1),
            ("mlp", "branch"): Theirs("blocks.{i}.mlp", _TIME_FASTEST, 1),
            **_streams({"joint_attn": "attn", "mlp": "mlp"}, _TIME_FASTEST, 1, "blocks.{i}"),
        },
    ),
    "videomae_v1": Reference(
        "videomae",
        {
            "base": _VIDEOMAE,
            "tubelet1_rect_time": {**_VIDEOMAE, "frames": 3, "tubelet": 1},
            "learnable_pos_first_token": {
                **_VIDEOMAE,
                "learnable_positions": True,
                "mean_pooling": False,
            },
            "layer_scale": {**_VIDEOMAE, "layer_scale": 0.1},
        },
        {"vit_b_16x224": {}},
        _VIDEOMAE_TAPS,
    ),
    "videomae_v2": Reference(
        "videomaev2",
        {
            "base": _VIDEOMAE,
            "giant_like": {
                **_VIDEOMAE,
                "img_size": 56,
                "patch_size": 14,
                "embed_dim": 88,
                "heads": 4,
                "mlp_ratio": 48 / 11,
            },
            "cos_attn": {**_VIDEOMAE, "cosine_attention": True},
            "first_token": {**_VIDEOMAE, "mean_pooling": False},
        },
        {"vit_b_16x224": {}, "vit_g_16x224": _GIANT},
        _VIDEOMAE_TAPS,
    ),
    "uniformer_v1": Reference(
        "uniformer",
        {
            "base": {**_UNIFORMER, "depths": [1, 2, 2, 1]},
            "odd_size": {**_UNIFORMER, "depths": [1, 1, 1, 1], "head_dim": 32},
            "std_patch_embed": {**_UNIFORMER, "depths": [1, 1, 1, 1], "overlapping_patches": True},
            "split_attention": {**_UNIFORMER, "depths": [1, 1, 2, 1], "split_attention": True},
        },
        {"base_16x224": {}, "small_16x224": {"depths": [3, 4, 8, 3]}},
        {
            ("temporal_attn", "branch"): Theirs("{path}.t_attn", "(b h w) t c"),
            ("joint_attn", "branch"): Theirs("{path}.attn", _TIME_SLOWEST),
            ("mlp", "branch"): Theirs("{path}.mlp", _TIME_SLOWEST),
            **_streams({"joint_attn": "attn"}, _TIME_SLOWEST, 0, "{path}"),
            **_streams({"mlp": "mlp"}, _MAP, 0, "{path}"),
        },
        {
            ("local_attn", "branch"): Theirs("{path}.conv2", _MAP),
            ("mlp", "branch"): Theirs("{path}.mlp", _MAP),
            **_streams({"local_attn": "attn", "mlp": "mlp"}, _MAP, 0, "{path}"),
        },
    ),
    "uniformer_v2": Reference(
        "uniformerv2",
        {
            "k400_like": _UNIFORMER_V2,
            "sth_like": {**_UNIFORMER_V2, "halve_time": True, "local_attention": 2},
            "single_lmhra_frozen": {**_UNIFORMER_V2, "local_attention": 1, "fuse_frames": False},
            "all_layers": {**_UNIFORMER_V2, "depth": 3, "global_blocks": [0, 1, 2]},
        },
        {"b16_8x224": {}, "b16_16x224_sth_style": {"halve_time": True, "local_attention": 2}},
        {
            ("local_attn", "branch"): Theirs("transformer.resblocks.{i}.lmhra1", _MAP),
            ("local_attn_2", "branch"): Theirs("transformer.resblocks.{i}.lmhra2", _MAP),
            ("spatial_attn", "branch"): Theirs("transformer.resblocks.{i}.attn", _CLIP_FRAMES, 1),
            ("mlp", "branch"): Theirs("transformer.resblocks.{i}.mlp", _CLIP_FRAMES, 1),
            ("global_attn", "branch"): Theirs("transformer.dpe.{j}", _MAP),
            **_streams(
                {
                    "local_attn": "lmhra1",
                    "spatial_attn": "attn",
                    "local_attn_2": "lmhra2",
                    "mlp": "mlp",
                },
                _CLIP_FRAMES,
                1,
                "transformer.resblocks.{i}",
            ),
            ("global_attn", "stream"): Theirs(
                "dec{j}.dpe.stream",
                "t (h w) b c",
                1,
                split="(t n) b c -> t n b c",
                noise="transformer.resblocks.{i}",
            ),
        },
    ),
    "swin": Reference(
        "swin",
        {
            "base": {**_SWIN, "window": [4, 4, 4]},
            "non_divisible": _SWIN,
            "window_clipped": {
                **_SWIN,
                "depths": [2, 2, 2],
                "heads": [2, 4, 8],
                "window": [4, 7, 7],
            },
            "no_patch_norm_patch444": {**_SWIN, "patch_size": [4, 4, 4], "patch_norm": False},
        },
        {
            "tiny_32x224": {"depths": [2, 2, 6, 2]},
            "small_32x224": {},
            "base_32x224": {"embed_dim": 128, "heads": [4, 8, 16, 32]},
        },
        {
            ("joint_attn", "branch"): Theirs("backbone.{path}.forward_part1()", "b t h w c"),
            ("mlp", "branch"): Theirs("backbone.{path}.mlp", "b t h w c"),
            **_streams({"joint_attn": "attn", "mlp": "mlp"}, "b t h w c", 0, "backbone.{path}"),
        },
    ),
}

# parts of Inception I3D by themselves: what the reference calls them, and how ours are made
PIECES: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "unit_k7_s2": ("unit", lambda: i3d_inception._Unit(3, 6, (7, 7, 7), (2, 2, 2))),
    "unit_k3_s1": ("unit", lambda: i3d_inception._Unit(3, 6, (3, 3, 3))),
    "pool_k133_s122": ("pool", lambda: i3d_inception._SameMaxPool3d((1, 3, 3), (1, 2, 2))),
    "pool_k333_s222": ("pool", lambda: i3d_inception._SameMaxPool3d((3, 3, 3), (2, 2, 2))),
    "pool_k222_s222": ("pool", lambda: i3d_inception._SameMaxPool3d((2, 2, 2), (2, 2, 2))),
    "inception": ("mixed", lambda: i3d_inception._Inception(3, (4, 6, 8, 2, 3, 5))),
}
PIECE_SIZES = ("5x9x8", "8x8x8", "7x11x13")
