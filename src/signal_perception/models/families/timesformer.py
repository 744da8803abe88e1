"""TimeSformer, divided and joint: a ViT over the patches of all frames, with one class token.

Code: github.com/facebookresearch/TimeSformer, timesformer/models/vit.py. Tokens run (h w t), time
fastest, behind the class token. Tables of place and time are added to them; both are resized by
nearest neighbour in the forward pass, so clips of other sizes are taken too. Names are the
authors', except that each block groups its parts by sub-layer (temporal_attn and spatial_attn, or
joint_attn; mlp), so that the residual stream after each is the output of a module.

In joint attention all tokens attend to one another. In divided attention the class token takes no
part in temporal attention, joins every frame in spatial attention, and its outputs are averaged
over frames; drop path acts on single sequences (of one place, of one frame).

In a fresh model the time table and `temporal_fc` (here `temporal_attn.attn.fc`, in all blocks)
start at zero. That suits a start from an image ViT: the model begins as one without temporal
attention and cannot tell the order of frames. Trained from nothing it hardly finds out, so
`zero_start=False` gives both a random start, and both tables a large one. Other weights start as
Glorot has it instead of with std 0.02: much the same at width 768, and narrow networks learn at
all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.attention import Attention
from signal_perception.models.core.mlp import Mlp
from signal_perception.models.core.portions import in_portions, is_memory_bound
from signal_perception.models.core.state import Segment, State, Tokens, embed_blocks_head, fold
from signal_perception.models.core.sublayer import Sublayer
from signal_perception.models.core.taps import (
    Tap,
    Weights,
    attention_weights,
    mlp_weights,
    sublayer_taps,
    weight,
)
from signal_perception.models.core.timm_layers import DropPath, PatchEmbed, trunc_normal_
from signal_perception.models.core.training import drop_path_rates, init_linear
from signal_perception.pipeline.errors import UserError

# Larger than the patch embeddings: at 0.02 a narrow network hardly learns where and when.
_TABLE_STD_FROM_NOTHING = 1.0


@dataclass(frozen=True)
class Network:
    """Network numbers; ViT-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of the position and time tables; clips of other sizes are taken too.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the tables, the attention outputs and inside the MLPs.
    head_dropout: before the last linear layer.
    zero_start: whether the time table, and temporal_fc in divided attention, start at zero, as the
        authors have it; False to train from nothing, with both tables starting at std 1.
    """

    img_size: int = 224
    patch_size: int = 16
    frames: int = 8
    embed_dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    dropout: float = 0.0
    head_dropout: float = 0.0
    zero_start: bool = True


class TimeSformer(nn.Module):
    """(b 3 t h w) → (b classes).

    divided: attention along time, then within each frame; else among all tokens.
    """

    classifier = "head"

    def __init__(self, num_classes: int, network: Network, *, divided: bool):
        super().__init__()
        img_size, patch_size, dim = network.img_size, network.patch_size, network.embed_dim
        if img_size % patch_size:
            raise UserError(
                f"The img_size = {img_size} is no multiple of patch_size = {patch_size}: "
                f"choose one that is."
            )
        rates = drop_path_rates(network.drop_path, network.depth)
        # the blocks draw their start values before everything else: the order is part of a seed
        blocks = [_block(network, divided, rate) for rate in rates]
        self.patch_size = patch_size
        self.patch_embed = PatchEmbed(None, patch_size, embed_dim=dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (img_size // patch_size) ** 2, dim))
        self.time_embed = nn.Parameter(torch.zeros(1, network.frames, dim))
        self.pos_drop = nn.Dropout(network.dropout)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head_drop = nn.Dropout(network.head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self._draw_start_values(network.zero_start)

    def _draw_start_values(self, zero_start: bool) -> None:
        self.apply(init_linear)
        trunc_normal_(self.cls_token, std=0.02)
        trunc_normal_(self.pos_embed, std=0.02 if zero_start else _TABLE_STD_FROM_NOTHING)
        if not zero_start:
            trunc_normal_(self.time_embed, std=_TABLE_STD_FROM_NOTHING)
            return
        for name, parameter in self.named_parameters():
            if name.endswith("temporal_attn.attn.fc.weight"):
                nn.init.zeros_(parameter)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm leaves out of weight decay, beside biases and norms."""
        return {"cls_token", "pos_embed", "time_embed"}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        return {
            "stem": r"^(?:cls_token|pos_embed|time_embed|patch_embed)",
            "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))],
        }

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def resized(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state dict whose tables have this model's sizes, resized as in the forward pass."""
        found = dict(state)
        places, times = found.get("pos_embed"), found.get("time_embed")
        if places is not None and places.ndim == 3 and _side(places.shape[1]):
            side = _side(self.pos_embed.shape[1])
            found["pos_embed"] = _place_table(places, side, side)
        if times is not None and times.ndim == 3:
            found["time_embed"] = _time_table(times, self.time_embed.shape[1])
        return found

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w) → class and patch tokens with place and time added, (b 1+h*w*t c)."""
        assert isinstance(clip, torch.Tensor)
        b, _, t, height, width = clip.shape
        if height % self.patch_size or width % self.patch_size:
            raise UserError(
                f"Frames of {height} × {width} cannot be cut into patches of {self.patch_size}: "
                f"choose multiples of it."
            )
        h, w = height // self.patch_size, width // self.patch_size
        # b t h*w c
        patches = self.patch_embed(clip.transpose(1, 2).flatten(0, 1)).unflatten(0, (b, t))
        place, time = _place_table(self.pos_embed, h, w), _time_table(self.time_embed, t)
        added = place[:, None, 1:] + time[:, :, None]
        # b h*w*t c
        patches = (patches + added).transpose(1, 2).flatten(1, 2)
        cls = (self.cls_token + place[:, :1]).expand(b, -1, -1)
        return Tokens(self.pos_drop(torch.cat((cls, patches), 1)), (t, h, w))

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the class token."""
        assert isinstance(tokens, Tokens)
        return self.head(self.head_drop(self.norm(tokens.x[:, 0])))


_LAYOUT = "b (h w t) c"
# layout and leading tokens of what each sub-layer adds
_BRANCH_LAYOUTS = {
    "temporal_attn": ("(b h w) t c", 0),
    "spatial_attn": ("(b t) (h w) c", 1),
    "joint_attn": (_LAYOUT, 1),
    "mlp": (_LAYOUT, 1),
}


def taps(model: TimeSformer) -> list[Tap]:
    """Per block each sub-layer, as what it adds (branch) and as the stream after it."""
    found = []
    for i, block in enumerate(model.blocks):
        for kind, _ in block.named_children():
            part, path = "mlp" if kind == "mlp" else "attn", f"blocks.{i}.{kind}"
            found += sublayer_taps(i, kind, path, _LAYOUT, 1, part, _BRANCH_LAYOUTS[kind])
    return found


def segments(model: TimeSformer) -> list[Segment]:
    """embed, the blocks, head."""
    return embed_blocks_head(model.embed, model.blocks, model.classify)


def weights(model: TimeSformer) -> list[Weights]:
    """q, k, v, proj of each attention, the fc of temporal_attn, mlp (both matrices)."""
    found = []
    for i, block in enumerate(model.blocks):
        for kind, _ in block.named_children():
            path = f"blocks.{i}.{kind}"
            if kind == "mlp":
                found += mlp_weights(model, kind, i, f"{path}.mlp")
            else:
                found += attention_weights(model, kind, i, f"{path}.attn")
            if kind == "temporal_attn":
                found.append(weight(model, f"{kind}.fc", i, f"{path}.attn.fc.weight"))
    return found


def _block(network: Network, divided: bool, drop_path: float) -> nn.Sequential:
    dim, heads, dropout = network.embed_dim, network.heads, network.dropout
    block = nn.Sequential()
    if divided:
        block.add_module("temporal_attn", _TemporalAttention(dim, heads, dropout, drop_path))
        block.add_module("spatial_attn", _SpatialAttention(dim, heads, dropout, drop_path))
    else:
        attention = Attention(dim, heads, dropout)
        block.add_module("joint_attn", Sublayer("attn", attention, dim, drop_path=drop_path))
    mlp = Mlp(dim, round(dim * network.mlp_ratio), dropout)
    block.add_module("mlp", Sublayer("mlp", mlp, dim, drop_path=drop_path))
    return block


class _TemporalAttention(nn.Module):
    """Attention among the t tokens of each place; the class token passes by."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = _AttentionThenLinear(dim, heads, dropout, drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        x, (t, _, _), _ = tokens
        # b 1 c, b h*w*t c
        cls, patches = x[:, :1], x[:, 1:]
        # b*h*w t c
        series = self.norm(patches).unflatten(1, (-1, t)).flatten(0, 1)
        patches = patches + self.attn(series).view(patches.shape)
        return tokens._replace(x=torch.cat((cls, patches), 1))


class _AttentionThenLinear(Attention):
    """Attention, drop path, and one more linear layer (the authors' temporal_fc)."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)
        self.fc = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not is_memory_bound(x) or torch.is_autocast_enabled("cpu"):
            return self.fc(self.drop_path(super().forward(x)))
        # two linear layers with nothing between them are one: 1/17 less arithmetic in the block
        weight = self.fc.weight @ self.proj.weight
        bias = F.linear(self.proj.bias, self.fc.weight, self.fc.bias)
        return in_portions(lambda part: F.linear(self.mixed(part), weight, bias), x)


class _SpatialAttention(nn.Module):
    """Attention within each frame and a copy of the class token, averaged over frames."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        x, (t, _, _), _ = tokens
        # b 1 c, b h*w t c
        cls, patches = x[:, :1], x[:, 1:].unflatten(1, (-1, t))
        copies = cls.unsqueeze(1).expand(-1, t, -1, -1)
        # b t 1+h*w c
        frames = torch.cat((copies, patches.transpose(1, 2)), 2)
        added = self.drop_path(self.attn(self.norm(frames).flatten(0, 1))).view(frames.shape)
        cls = cls + added[:, :, 0].mean(1, keepdim=True)
        patches = patches + added[:, :, 1:].transpose(1, 2)
        return tokens._replace(x=torch.cat((cls, patches.flatten(1, 2)), 1))


def _place_table(table: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Position table (1, 1+h*w, c), resized as the authors do: where the number differs."""
    if table.shape[1] == 1 + h * w:
        return table
    side = _side(table.shape[1])
    places = table[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    places = F.interpolate(places, size=(h, w), mode="nearest").flatten(2).transpose(1, 2)
    return torch.cat((table[:, :1], places), 1)


def _time_table(table: torch.Tensor, t: int) -> torch.Tensor:
    """Time table (1 t c)."""
    if table.shape[1] == t:
        return table
    return F.interpolate(table.transpose(1, 2), size=t, mode="nearest").transpose(1, 2)


def _side(entries: int) -> int:
    """Side of the square of patches that a position table with its class token covers, else 0."""
    side = round((entries - 1) ** 0.5)
    return side if side * side == entries - 1 else 0
