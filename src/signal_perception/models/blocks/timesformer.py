"""What divided and joint TimeSformer have in common: patches of frames with tables of place and time, one class token, the head.

Code: github.com/facebookresearch/TimeSformer, timesformer/models/vit.py. Tokens run (h w t), time fastest, behind the class token. Position
and time tables are resized by nearest neighbour in the forward pass, so clips of other sizes are taken too.
"""

from collections.abc import Mapping, Sequence

import torch
from timm.layers.patch_embed import PatchEmbed
from timm.layers.weight_init import trunc_normal_
from torch import nn
from torch.nn import functional as F

from signal_perception.errors import UserError
from signal_perception.models.blocks.state import Segment, State, Tokens, fold
from signal_perception.models.blocks.sublayers import init_linear

# how files begin the names of a block (number as group 1), and names outside the blocks: the authors', mmaction2's, Hugging Face's
BLOCK_NAMES = r"(?:(?:model\.)?blocks|backbone\.transformer_layers\.layers|timesformer\.encoder\.layer)\.(\d+)\."
OUTER_NAMES = (
    (r"(?:backbone|timesformer\.embeddings)\.cls_token", "cls_token"),
    (r"backbone\.pos_embed|timesformer\.embeddings\.position_embeddings", "pos_embed"),
    (r"backbone\.time_embed|timesformer\.embeddings\.time_embeddings", "time_embed"),
    (r"(?:backbone\.patch_embed|timesformer\.embeddings\.patch_embeddings)\.projection\.", "patch_embed.proj."),
    (r"(?:backbone\.norm|timesformer\.layernorm)\.", "norm."),
    (r"(?:cls_head\.fc_cls|classifier)\.", "head."),
    (r"model\.", ""),
)


class TimeSformer(nn.Module):
    """(b 3 t h w) → (b classes). `blocks` turn Tokens into Tokens."""

    classifier = "head"

    def __init__(
        self,
        num_classes: int,
        blocks: Sequence[nn.Module],
        *,
        img_size: int,
        patch_size: int,
        frames: int,
        dim: int,
        dropout: float,
        head_dropout: float,
        table_std: float,
    ):
        super().__init__()
        if img_size % patch_size:
            raise UserError(f"img_size = {img_size} is no multiple of patch_size = {patch_size}: choose one that is")
        side = img_size // patch_size
        self.patch_size = patch_size
        self.patch_embed = PatchEmbed(None, patch_size, embed_dim=dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, dim))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, dim))
        self.pos_drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head_drop = nn.Dropout(head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)
        trunc_normal_(self.cls_token, std=0.02)
        trunc_normal_(self.pos_embed, std=table_std or 0.02)
        if table_std:
            trunc_normal_(self.time_embed, std=table_std)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm's optimisers leave out of weight decay, beside biases and norms."""
        return {"cls_token", "pos_embed", "time_embed"}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        return {
            "stem": r"^(?:cls_token|pos_embed|time_embed|patch_embed)",
            "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))],
        }

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(self.segments(), clip)

    def segments(self) -> list[Segment]:
        """embed, the blocks, head."""
        blocks = [Segment(f"block.{i:02d}", i, block) for i, block in enumerate(self.blocks)]
        return [Segment("embed", None, self.embed), *blocks, Segment("head", None, self.classify)]

    def resized(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state dict whose tables of place and time have this model's sizes, resized as the forward pass does."""
        found = dict(state)
        if (places := found.get("pos_embed")) is not None and places.ndim == 3 and _side(places.shape[1]):
            side = _side(self.pos_embed.shape[1])
            found["pos_embed"] = place_table(places, side, side)
        if (times := found.get("time_embed")) is not None and times.ndim == 3:
            found["time_embed"] = time_table(times, self.time_embed.shape[1])
        return found

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w) → class token and patch tokens with position and time added, (b 1+h*w*t c)."""
        assert isinstance(clip, torch.Tensor)
        b, _, t, height, width = clip.shape
        if height % self.patch_size or width % self.patch_size:
            raise UserError(
                f"frames of {height} × {width} cannot be cut into patches of {self.patch_size}: choose multiples of it"
            )
        h, w = height // self.patch_size, width // self.patch_size
        patches = self.patch_embed(clip.transpose(1, 2).flatten(0, 1)).unflatten(0, (b, t))  # b t h*w c
        place, time = place_table(self.pos_embed, h, w), time_table(self.time_embed, t)
        patches = (patches + (place[:, None, 1:] + time[:, :, None])).transpose(1, 2).flatten(1, 2)  # b h*w*t c
        cls = (self.cls_token + place[:, :1]).expand(b, -1, -1)
        return Tokens(self.pos_drop(torch.cat((cls, patches), 1)), (t, h, w))

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the class token."""
        assert isinstance(tokens, Tokens)
        return self.head(self.head_drop(self.norm(tokens.x[:, 0])))


def place_table(table: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Position table (1, 1+h*w, c); like the authors', it is resized when the number of patches differs, whatever their arrangement."""
    if table.shape[1] == 1 + h * w:
        return table
    side = _side(table.shape[1])
    places = table[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    places = F.interpolate(places, size=(h, w), mode="nearest").flatten(2).transpose(1, 2)
    return torch.cat((table[:, :1], places), 1)


def time_table(table: torch.Tensor, t: int) -> torch.Tensor:
    """Time table (1 t c)."""
    if table.shape[1] == t:
        return table
    return F.interpolate(table.transpose(1, 2), size=t, mode="nearest").transpose(1, 2)


def _side(entries: int) -> int:
    """Side of the square of patches that a position table with its class token covers; 0 where it covers none."""
    side = round((entries - 1) ** 0.5)
    return side if side * side == entries - 1 else 0
