"""TimeSformer with divided space-time attention: a ViT whose blocks attend along time, then within each frame.

Paper: Bertasius, Wang and Torresani, "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021, arXiv 2102.05095.
Code: github.com/facebookresearch/TimeSformer, timesformer/models/vit.py.

Released checkpoints, Kinetics-400 top-1 / top-5 (the repository's README): TimeSformer_divST_8x32_224_K400.pyth 77.9 / 93.2,
TimeSformer_divST_16x16_448_K400.pyth (HR) 79.6 / 94.0, TimeSformer_divST_96x4_224_K400.pyth (L) 80.6 / 94.7; others
for Kinetics-600 and Something-Something v2. Pixels: mean 0.45, std 0.225.
Layouts that `from_checkpoint` knows: the authors' (under model_state, names with the prefix "model."), mmaction2's (under state_dict;
pixels there −1…1), Hugging Face's TimesformerForVideoClassification, and our own. All are pure renamings of one another.

Names here are the authors', except that each block groups its parts by sub-layer (temporal_attn, spatial_attn, mlp), so that the
residual stream after each is the output of a module. Particulars kept: tokens run (h w t), time fastest, behind one class token; the
class token takes no part in temporal attention, joins every frame in spatial attention, and its outputs are averaged over frames; position
and time tables are resized by nearest neighbour in the forward pass; drop path acts on single sequences (of one place, of one frame).
In a fresh model `temporal_fc` (here `temporal_attn.fc`, in all blocks) and the time table start at zero, which suits a start from an
image ViT: the model begins as one without temporal attention and cannot tell the order of frames. Trained from nothing it hardly finds
out, so `zero_start=False` gives both a random start, and both tables one that is heard. Other weights start as Glorot has it instead of
with std 0.02: much the same at width 768, and narrow networks learn at all.
"""

import re

import torch
from timm.layers.drop import DropPath
from timm.layers.patch_embed import PatchEmbed
from timm.layers.weight_init import trunc_normal_
from torch import nn
from torch.nn import functional as F

from signal_perception.errors import UserError
from signal_perception.models.blocks import Attention, MlpSublayer, Segment, State, Tokens, fold, init_linear, renamed
from signal_perception.models.taps import Tap, Weights


def build(
    num_classes: int,
    *,
    img_size: int = 224,
    patch_size: int = 16,
    frames: int = 8,
    embed_dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.1,
    dropout: float = 0.0,
    head_dropout: float = 0.0,
    zero_start: bool = True,
) -> "TimeSformer":
    """TimeSformer-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of the position and time tables; clips of other sizes are taken too.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the tables, the attention outputs and inside the MLPs. head_dropout: before the last linear layer.
    zero_start: whether temporal_fc and the time table start at zero, as the authors have it; False to train from nothing, with both
        tables starting at std 1.
    """
    if img_size % patch_size:
        raise UserError(f"img_size = {img_size} is no multiple of patch_size = {patch_size}: choose one that is")
    model = TimeSformer(
        num_classes, img_size, patch_size, frames, embed_dim, depth, heads, mlp_ratio, drop_path, dropout, head_dropout
    )
    if zero_start:
        for i in range(depth):
            nn.init.zeros_(model.get_parameter(f"blocks.{i}.temporal_attn.fc.weight"))
    else:
        for table in (model.pos_embed, model.time_embed):
            trunc_normal_(
                table, std=1.0
            )  # louder than the patch embeddings: at 0.02 a narrow network hardly hears where and when
    return model


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout (see above) in our names; names that belong to none are kept, for the strict load to refuse."""
    if state and all(key.startswith("model.") for key in state):
        state = {key.removeprefix("model."): value for key, value in state.items()}
    return renamed(state, _ours)


def taps(model: "TimeSformer") -> list[Tap]:
    """Per block temporal_attn, spatial_attn and mlp, each as what it adds (branch) and as the stream after it."""
    found = []
    for i in range(len(model.blocks)):
        for kind, branch, layout, drop in (
            ("temporal_attn", "fc", "b (h w t) c", 0),
            ("spatial_attn", "attn", "(b t) (h w) c", 1),
            ("mlp", "mlp", "b (h w t) c", 1),
        ):
            name, module = f"{i:02d}.{kind}", f"blocks.{i}.{kind}"
            found.append(Tap(f"{name}.branch", kind, i, "branch", f"{module}.{branch}", layout, drop, module))
            found.append(Tap(name, kind, i, "stream", module, "b (h w t) c", 1))
    return found


def segments(model: "TimeSformer") -> list[Segment]:
    """embed, the blocks, head."""
    blocks = [Segment(f"block.{i:02d}", i, block) for i, block in enumerate(model.blocks)]
    return [Segment("embed", None, model.embed), *blocks, Segment("head", None, model.classify)]


def weights(model: "TimeSformer") -> list[Weights]:
    """q, k, v, proj of temporal_attn and spatial_attn, the fc of temporal_attn, mlp (both matrices)."""
    found = []

    def add(component: str, block: int, parameter: str, part: int = 0, parts: int = 1) -> None:
        rows = model.get_parameter(parameter).shape[0] // parts
        found.append(Weights(component, block, parameter, part * rows, (part + 1) * rows))

    for i in range(len(model.blocks)):
        for kind in ("temporal_attn", "spatial_attn"):
            path = f"blocks.{i}.{kind}"
            for part, letter in enumerate("qkv"):
                add(f"{kind}.{letter}", i, f"{path}.attn.qkv.weight", part, 3)
            add(f"{kind}.proj", i, f"{path}.attn.proj.weight")
            if kind == "temporal_attn":
                add(f"{kind}.fc", i, f"{path}.fc.weight")
        for layer in ("fc1", "fc2"):
            add("mlp", i, f"blocks.{i}.mlp.mlp.{layer}.weight")
    return found


class TimeSformer(nn.Module):
    """(b 3 t h w) → (b classes)."""

    classifier = "head"

    def __init__(
        self,
        num_classes: int,
        img_size: int,
        patch_size: int,
        frames: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        drop_path: float,
        dropout: float,
        head_dropout: float,
    ):
        super().__init__()
        side = img_size // patch_size
        self.patch_size = patch_size
        self.patch_embed = PatchEmbed(None, patch_size, embed_dim=dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, dim))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, dim))
        self.pos_drop = nn.Dropout(dropout)
        rates = [drop_path * block / max(depth - 1, 1) for block in range(depth)]
        self.blocks = nn.ModuleList(_block(dim, heads, mlp_ratio, dropout, rate) for rate in rates)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head_drop = nn.Dropout(head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)
        trunc_normal_(self.pos_embed, std=0.02)
        trunc_normal_(self.cls_token, std=0.02)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm's optimisers leave out of weight decay, beside biases and norms."""
        return {"cls_token", "pos_embed", "time_embed"}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        return {
            "stem": r"^(cls_token|pos_embed|time_embed|patch_embed)",
            "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))],
        }

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

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
        place, time = self._place(h, w), self._time(t)
        patches = (patches + (place[:, None, 1:] + time[:, :, None])).transpose(1, 2).flatten(1, 2)  # b h*w*t c
        cls = (self.cls_token + place[:, :1]).expand(b, -1, -1)
        return Tokens(self.pos_drop(torch.cat((cls, patches), 1)), (t, h, w))

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the class token."""
        assert isinstance(tokens, Tokens)
        return self.head(self.head_drop(self.norm(tokens.x[:, 0])))

    def _place(self, h: int, w: int) -> torch.Tensor:
        """Position table (1, 1+h*w, c); like the authors', it is resized when the number of patches differs, whatever their arrangement."""
        table = self.pos_embed
        if table.shape[1] == 1 + h * w:
            return table
        side = round((table.shape[1] - 1) ** 0.5)
        places = table[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        places = F.interpolate(places, size=(h, w), mode="nearest").flatten(2).transpose(1, 2)
        return torch.cat((table[:, :1], places), 1)

    def _time(self, t: int) -> torch.Tensor:
        """Time table (1 t c)."""
        if self.time_embed.shape[1] == t:
            return self.time_embed
        return F.interpolate(self.time_embed.transpose(1, 2), size=t, mode="nearest").transpose(1, 2)


class _TemporalAttention(nn.Module):
    """Attention among the t tokens of each place; the class token passes by."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)
        self.fc = nn.Linear(dim, dim)

    def forward(self, tokens: Tokens) -> Tokens:
        x, (t, _, _) = tokens
        cls, patches = x[:, :1], x[:, 1:]  # b 1 c, b h*w*t c
        series = self.norm(patches).unflatten(1, (-1, t)).flatten(0, 1)  # b*h*w t c
        added = self.fc(self.drop_path(self.attn(series)).view(patches.shape))
        return Tokens(torch.cat((cls, patches + added), 1), tokens.grid)


class _SpatialAttention(nn.Module):
    """Attention among the h*w tokens of each frame and a copy of the class token, whose outputs are averaged over frames."""

    def __init__(self, dim: int, heads: int, dropout: float, drop_path: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        x, (t, _, _) = tokens
        cls, patches = x[:, :1], x[:, 1:].unflatten(1, (-1, t))  # b 1 c, b h*w t c
        frames = torch.cat((cls.unsqueeze(1).expand(-1, t, -1, -1), patches.transpose(1, 2)), 2)  # b t 1+h*w c
        added = self.drop_path(self.attn(self.norm(frames).flatten(0, 1))).view(frames.shape)
        cls = cls + added[:, :, 0].mean(1, keepdim=True)
        patches = patches + added[:, :, 1:].transpose(1, 2)
        return Tokens(torch.cat((cls, patches.flatten(1, 2)), 1), tokens.grid)


def _block(dim: int, heads: int, mlp_ratio: float, dropout: float, drop_path: float) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("temporal_attn", _TemporalAttention(dim, heads, dropout, drop_path))
    block.add_module("spatial_attn", _SpatialAttention(dim, heads, dropout, drop_path))
    block.add_module("mlp", MlpSublayer(dim, mlp_ratio, dropout, drop_path))
    return block


def _ours(key: str) -> str:
    """A key of the authors' (without "model."), mmaction2's or Hugging Face's layout in our names; any other key as it is."""
    block = re.fullmatch(
        r"(?:blocks|backbone\.transformer_layers\.layers|timesformer\.encoder\.layer)\.(\d+)\.(.+)", key
    )
    prefix, rest, table = (f"blocks.{block[1]}.", block[2], _BLOCK) if block else ("", key, _OUTSIDE)
    for ours, theirs in table.items():
        for name in theirs:
            if rest.startswith(name):
                return prefix + ours + rest.removeprefix(name)
    return key


_BLOCK = {  # beginning of our name inside a block: the authors', mmaction2's, Hugging Face's
    "temporal_attn.norm.": ("temporal_norm1.", "attentions.0.norm.", "temporal_layernorm."),
    "temporal_attn.attn.qkv.": (
        "temporal_attn.qkv.",
        "attentions.0.attn.in_proj_",
        "temporal_attention.attention.qkv.",
    ),
    "temporal_attn.attn.proj.": (
        "temporal_attn.proj.",
        "attentions.0.attn.out_proj.",
        "temporal_attention.output.dense.",
    ),
    "temporal_attn.fc.": ("temporal_fc.", "attentions.0.temporal_fc.", "temporal_dense."),
    "spatial_attn.norm.": ("norm1.", "attentions.1.norm.", "layernorm_before."),
    "spatial_attn.attn.qkv.": ("attn.qkv.", "attentions.1.attn.in_proj_", "attention.attention.qkv."),
    "spatial_attn.attn.proj.": ("attn.proj.", "attentions.1.attn.out_proj.", "attention.output.dense."),
    "mlp.norm.": ("norm2.", "ffns.0.norm.", "layernorm_after."),
    "mlp.mlp.fc1.": ("mlp.fc1.", "ffns.0.layers.0.0.", "intermediate.dense."),
    "mlp.mlp.fc2.": ("mlp.fc2.", "ffns.0.layers.1.", "output.dense."),
}
_OUTSIDE = {  # outside the blocks our names are the authors'; mmaction2's, Hugging Face's
    "cls_token": ("backbone.cls_token", "timesformer.embeddings.cls_token"),
    "pos_embed": ("backbone.pos_embed", "timesformer.embeddings.position_embeddings"),
    "time_embed": ("backbone.time_embed", "timesformer.embeddings.time_embeddings"),
    "patch_embed.proj.": ("backbone.patch_embed.projection.", "timesformer.embeddings.patch_embeddings.projection."),
    "norm.": ("backbone.norm.", "timesformer.layernorm."),
    "head.": ("cls_head.fc_cls.", "classifier."),
}
