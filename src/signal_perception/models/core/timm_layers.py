"""The layers of timm that models use; timm imports torchvision, so the shim comes first."""

from signal_perception.pipeline import torchvision_shim  # noqa: F401

# isort: split
from timm.layers.drop import DropPath
from timm.layers.layer_scale import LayerScale
from timm.layers.patch_embed import PatchEmbed
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.layers.weight_init import trunc_normal_

__all__ = ["DropPath", "LayerScale", "PatchEmbed", "resample_abs_pos_embed", "trunc_normal_"]
