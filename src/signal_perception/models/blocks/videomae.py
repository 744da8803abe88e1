"""The fine-tuned network of VideoMAE, versions 1 and 2: a plain vision transformer over tubelets, all tokens attending to all.

Code: github.com/MCG-NJU/VideoMAE and github.com/OpenGVLab/VideoMAEv2, modeling_finetune.py. Tokens run (t h w), time slowest; there is no
class token. The key projection has no bias, those of query and value have one (`q_bias`, `v_bias`). A fixed sinusoid tells the tokens
apart: it is computed for the network's size and not part of its weights. The mean of all tokens is normalised (`fc_norm`) and classified.
"""

from collections.abc import Mapping

import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.layers.weight_init import trunc_normal_
from torch import nn
from torch.nn import functional as F

from signal_perception.errors import UserError
from signal_perception.models.blocks.names import fused, renamed
from signal_perception.models.blocks.state import Segment, State, Tokens, fold
from signal_perception.models.blocks.sublayers import (
    Attention,
    AttentionSublayer,
    Mlp,
    MlpSublayer,
    init_linear,
    rising,
)

_LARGEST_LOG_SCALE = 4.6052  # ln 100, of cosine attention


class VideoMAE(nn.Module):
    """(b 3 t h w) → (b classes)."""

    classifier = "head"
    fc_norm: nn.LayerNorm
    norm: nn.LayerNorm

    def __init__(
        self,
        num_classes: int,
        *,
        img_size: int,
        patch_size: int,
        frames: int,
        tubelet: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        drop_path: float,
        dropout: float,
        head_dropout: float,
        layer_scale: float,
        learnable_positions: bool,
        mean_pooling: bool,
        cosine_attention: bool = False,
    ):
        super().__init__()
        if img_size % patch_size or frames % tubelet:
            raise UserError(
                f"img_size = {img_size} and frames = {frames} are no multiples of patch_size = {patch_size} and tubelet = {tubelet}: "
                f"choose numbers that are"
            )
        self.size = (frames, img_size, img_size)
        self.grid = (frames // tubelet, img_size // patch_size, img_size // patch_size)
        self.patch_embed = _TubeletEmbed(dim, (tubelet, patch_size, patch_size))
        count = self.grid[0] * self.grid[1] * self.grid[2]
        if learnable_positions:
            self.pos_embed = nn.Parameter(torch.zeros(1, count, dim))
            trunc_normal_(self.pos_embed, std=0.02)
        else:
            self.register_buffer("pos_embed", sinusoid(count, dim), persistent=False)
        self.pos_drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList()
        for rate in rising(drop_path, depth):
            block = nn.Sequential()
            attention = _Attention(dim, heads, dropout, cosine_attention)
            block.add_module("joint_attn", AttentionSublayer(attention, dim, layer_scale=layer_scale, drop_path=rate))
            mlp = Mlp(dim, int(dim * mlp_ratio), dropout)
            block.add_module("mlp", MlpSublayer(mlp, dim, layer_scale=layer_scale, drop_path=rate))
            self.blocks.append(block)
        self.mean_pooling, self.layer_scale = mean_pooling, bool(layer_scale)
        self.add_module("fc_norm" if mean_pooling else "norm", nn.LayerNorm(dim, eps=1e-6))
        self.head_drop = nn.Dropout(head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm's optimisers leave out of weight decay, beside biases and norms."""
        return {"pos_embed"}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        return {
            "stem": r"^(?:pos_embed|patch_embed)",
            "blocks": [(r"^blocks\.(\d+)", None), (r"^(?:fc_)?norm", (99999,))],
        }

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(self.segments(), clip)

    def segments(self) -> list[Segment]:
        """embed, the blocks, head."""
        blocks = [Segment(f"block.{i:02d}", i, block) for i, block in enumerate(self.blocks)]
        return [Segment("embed", None, self.embed), *blocks, Segment("head", None, self.classify)]

    def resized(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state dict whose learnt position table has this model's height and width, resized frame by frame (bicubic), as the authors do.

        A table of another number of frames stays as it is, for the load to refuse: the authors have no rule for that.
        """
        found, (t, h, w) = dict(state), self.grid
        table = found.get("pos_embed")
        if isinstance(self.pos_embed, nn.Parameter) and table is not None and table.ndim == 3:
            side = round((table.shape[1] / t) ** 0.5)
            if t * side * side == table.shape[1] and side != h:
                frames = [
                    resample_abs_pos_embed(frame, [h, w], [side, side], num_prefix_tokens=0, antialias=False)
                    for frame in table.chunk(t, 1)
                ]
                found["pos_embed"] = torch.cat(frames, 1)
        return found

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w) → tubelet tokens with positions added, (b t*h*w c)."""
        assert isinstance(clip, torch.Tensor)
        if tuple(clip.shape[2:]) != self.size:
            raise UserError(
                f"this VideoMAE takes clips of {self.size} (frames, height, width), and got {tuple(clip.shape[2:])}: "
                f"set frames and img_size of its network to the clips' size"
            )
        return Tokens(self.pos_drop(self.patch_embed(clip) + self.pos_embed), self.grid)

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the mean of all tokens, or from the first one (`mean_pooling` off)."""
        assert isinstance(tokens, Tokens)
        x = self.fc_norm(tokens.x.mean(1)) if self.mean_pooling else self.norm(tokens.x[:, 0])
        return self.head(self.head_drop(x))


class _TubeletEmbed(nn.Module):
    """One token per tubelet: (b 3 t h w) → (b t*h*w c)."""

    def __init__(self, dim: int, window: tuple[int, int, int]):
        super().__init__()
        self.proj = nn.Conv3d(3, dim, window, window)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.proj(clip).flatten(2).transpose(1, 2).contiguous()  # or everything after it strides over memory


class _Attention(Attention):
    """Self-attention whose keys have no bias; with `cosine`, of unit vectors, with a learnt sharpness per head."""

    def __init__(self, dim: int, heads: int, dropout: float, cosine: bool):
        super().__init__(dim, heads, dropout, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.full((heads, 1, 1), 10.0).log()) if cosine else None

    def qkv_bias(self) -> torch.Tensor:
        return torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if self.log_scale is None:
            return super().attend(q, k, v)
        q = F.normalize(q, dim=-1) * self.log_scale.clamp(max=_LARGEST_LOG_SCALE).exp()
        return F.scaled_dot_product_attention(q, F.normalize(k, dim=-1), v, scale=1.0)


def in_our_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict of the authors', mmaction2's or Hugging Face's in our names; a sinusoid table in it is left out."""
    separate = [f"attention.attention.{part}.weight" for part in ("query", "key", "value")]
    return renamed(fused(state, separate, "attention.attention.qkv.weight"), _NAMES)


def sinusoid(count: int, dim: int) -> torch.Tensor:
    """Positions 0 … count−1 as waves, (1 count dim) float32: sin of pos / 10000^(2⌊j/2⌋/dim) at even j, cos at odd j, in float64 before."""
    j = torch.arange(dim, dtype=torch.float64)
    angle = torch.arange(count, dtype=torch.float64)[:, None] / 10000.0 ** (2 * (j // 2) / dim)
    return torch.where(j % 2 == 0, angle.sin(), angle.cos()).float()[None]


# the authors', mmaction2's, Hugging Face's beginning of a name → ours
_BLOCK = r"(?:(?:backbone\.)?blocks|videomae\.encoder\.layer)\.(\d+)\."
_NAMES = (
    (_BLOCK + r"(?:norm1|layernorm_before)\.", r"blocks.\1.joint_attn.norm."),
    (_BLOCK + r"attn\.scale$", r"blocks.\1.joint_attn.attn.log_scale"),
    (_BLOCK + r"(?:attention\.output\.dense)\.", r"blocks.\1.joint_attn.attn.proj."),
    (_BLOCK + r"attention\.attention\.query\.bias$", r"blocks.\1.joint_attn.attn.q_bias"),
    (_BLOCK + r"attention\.attention\.value\.bias$", r"blocks.\1.joint_attn.attn.v_bias"),
    (_BLOCK + r"(?:attn|attention\.attention)\.", r"blocks.\1.joint_attn.attn."),
    (_BLOCK + r"gamma_1$", r"blocks.\1.joint_attn.scale.gamma"),
    (_BLOCK + r"(?:norm2|layernorm_after)\.", r"blocks.\1.mlp.norm."),
    (_BLOCK + r"(?:mlp\.fc1|mlp\.layers\.0\.0|intermediate\.dense)\.", r"blocks.\1.mlp.mlp.fc1."),
    (_BLOCK + r"(?:mlp\.fc2|mlp\.layers\.1|output\.dense)\.", r"blocks.\1.mlp.mlp.fc2."),
    (_BLOCK + r"gamma_2$", r"blocks.\1.mlp.scale.gamma"),
    (r"backbone\.pos_embed$|videomae\.embeddings\.position_embeddings$", None),
    (r"(?:backbone\.patch_embed|videomae\.embeddings\.patch_embeddings)\.projection\.", "patch_embed.proj."),
    (r"(?:backbone\.norm|videomae\.layernorm)\.", "norm."),
    (r"backbone\.fc_norm\.", "fc_norm."),
    (r"(?:cls_head\.fc_cls|classifier)\.", "head."),
)
