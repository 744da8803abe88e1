"""The fine-tuned network of VideoMAE, versions 1 and 2: a plain vision transformer over tubelets.

Code: github.com/MCG-NJU/VideoMAE and github.com/OpenGVLab/VideoMAEv2, modeling_finetune.py. All
tokens attend to all; they run (t h w), time slowest, and there is no class token. The key
projection has no bias, those of query and value have one (`q_bias`, `v_bias`). A fixed sinusoid
tells the tokens apart: it is computed for the network's size and not part of its weights. The mean
of all tokens is normalised (`fc_norm`) and classified. Names are the authors', except that each
block groups its parts by sub-layer (joint_attn, mlp).

Layouts that `from_checkpoint` knows: the authors' (under "model" or "module", half precision where
DeepSpeed wrote it), mmaction2's, Hugging Face's VideoMAEForVideoClassification, and our own. A
sinusoid table in a file (mmaction2 writes one) is left out: it is computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from signal_perception.models.core.attention import Attention
from signal_perception.models.core.mlp import Mlp
from signal_perception.models.core.names import renamed, stacked
from signal_perception.models.core.state import Segment, State, Tokens, embed_blocks_head, fold
from signal_perception.models.core.sublayer import Sublayer
from signal_perception.models.core.taps import (
    Tap,
    Weights,
    attention_weights,
    mlp_weights,
    sublayer_taps,
)
from signal_perception.models.core.timm_layers import resample_abs_pos_embed, trunc_normal_
from signal_perception.models.core.training import drop_path_rates, init_linear
from signal_perception.pipeline.errors import UserError

# ln 100, of cosine attention
_LARGEST_LOG_SCALE = 4.6052


@dataclass(frozen=True)
class Network:
    """Network numbers; ViT-B/16 by default.

    Parameters
    ----------
    img_size, frames: size of a clip; others are refused. tubelet: frames of one token.
    drop_path: rate of the last block, rising linearly from 0 in the first.
    dropout: after the positions, the attention outputs and inside the MLPs.
    head_dropout: before the last linear layer.
    layer_scale: start value of a factor per channel on each branch; 0: no such factor, as in all
        released weights.
    learnable_positions: a learnt table instead of the sinusoid.
    mean_pooling: classify the mean of all tokens, else the first token.
    """

    img_size: int = 224
    patch_size: int = 16
    frames: int = 16
    tubelet: int = 2
    embed_dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    dropout: float = 0.0
    head_dropout: float = 0.0
    layer_scale: float = 0.0
    learnable_positions: bool = False
    mean_pooling: bool = True


class VideoMAE(nn.Module):
    """(b 3 t h w) → (b classes).

    cosine_attention: attention among unit vectors with a learnt sharpness per head (version 2).
    """

    classifier = "head"
    fc_norm: nn.LayerNorm
    norm: nn.LayerNorm

    def __init__(self, num_classes: int, network: Network, *, cosine_attention: bool = False):
        super().__init__()
        patch_size, tubelet, dim = network.patch_size, network.tubelet, network.embed_dim
        if network.img_size % patch_size or network.frames % tubelet:
            raise UserError(
                f"The img_size = {network.img_size} and frames = {network.frames} are no multiples "
                f"of patch_size = {patch_size} and tubelet = {tubelet}: choose numbers that are."
            )
        self.size = (network.frames, network.img_size, network.img_size)
        side = network.img_size // patch_size
        self.grid = (network.frames // tubelet, side, side)
        self.patch_embed = _TubeletEmbed(dim, (tubelet, patch_size, patch_size))
        count = self.grid[0] * side * side
        if network.learnable_positions:
            self.pos_embed = nn.Parameter(torch.zeros(1, count, dim))
            trunc_normal_(self.pos_embed, std=0.02)
        else:
            self.register_buffer("pos_embed", sinusoid(count, dim), persistent=False)
        self.pos_drop = nn.Dropout(network.dropout)
        self.blocks = nn.ModuleList(
            _block(network, cosine_attention, rate)
            for rate in drop_path_rates(network.drop_path, network.depth)
        )
        self.mean_pooling, self.layer_scale = network.mean_pooling, bool(network.layer_scale)
        self.add_module("fc_norm" if self.mean_pooling else "norm", nn.LayerNorm(dim, eps=1e-6))
        self.head_drop = nn.Dropout(network.head_dropout)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linear)

    def no_weight_decay(self) -> set[str]:
        """Parameters that timm leaves out of weight decay, beside biases and norms."""
        return {"pos_embed"}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters form one layer, for timm's layer-wise learning rates."""
        return {
            "stem": r"^(?:pos_embed|patch_embed)",
            # the last norm learns as fast as the head, as with the authors
            "blocks": r"^blocks\.(\d+)",
        }

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return fold(segments(self), clip)

    def resized(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state dict whose learnt position table has this model's height and width.

        It is resized frame by frame (bicubic), as the authors do. A table of another number of
        frames stays as it is, for the load to refuse: the authors have no rule for that.
        """
        found, (t, h, w) = dict(state), self.grid
        table = found.get("pos_embed")
        if isinstance(self.pos_embed, nn.Parameter) and table is not None and table.ndim == 3:
            side = round((table.shape[1] / t) ** 0.5)
            if t * side * side == table.shape[1] and side != h:
                frames = [
                    resample_abs_pos_embed(
                        frame, [h, w], [side, side], num_prefix_tokens=0, antialias=False
                    )
                    for frame in table.chunk(t, 1)
                ]
                found["pos_embed"] = torch.cat(frames, 1)
        return found

    def embed(self, clip: State) -> Tokens:
        """Clip (b 3 t h w) → tubelet tokens with positions added, (b t*h*w c)."""
        assert isinstance(clip, torch.Tensor)
        if tuple(clip.shape[2:]) != self.size:
            raise UserError(
                f"This VideoMAE takes clips of {self.size} (frames, height, width), and got "
                f"{tuple(clip.shape[2:])}: set its network's frames and img_size to that size."
            )
        return Tokens(self.pos_drop(self.patch_embed(clip) + self.pos_embed), self.grid)

    def classify(self, tokens: State) -> torch.Tensor:
        """Logits from the mean of all tokens, or from the first one (`mean_pooling` off)."""
        assert isinstance(tokens, Tokens)
        x = self.fc_norm(tokens.x.mean(1)) if self.mean_pooling else self.norm(tokens.x[:, 0])
        return self.head(self.head_drop(x))


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Any known layout in our names; unknown names stay, for the strict load to refuse."""
    separate = [f"attention.attention.{part}.weight" for part in ("query", "key", "value")]
    return renamed(stacked(state, separate, "attention.attention.qkv.weight"), _NAMES)


def taps(model: VideoMAE) -> list[Tap]:
    """Per block joint_attn and mlp, each as what it adds (branch) and as the stream after it."""
    found = []
    for i in range(len(model.blocks)):
        for kind, part in (("joint_attn", "attn"), ("mlp", "mlp")):
            branch = "scale" if model.layer_scale else part
            found += sublayer_taps(i, kind, f"blocks.{i}.{kind}", "b (t h w) c", 0, branch)
    return found


def segments(model: VideoMAE) -> list[Segment]:
    """embed, the blocks, head."""
    return embed_blocks_head(model.embed, model.blocks, model.classify)


def weights(model: VideoMAE) -> list[Weights]:
    """q, k, v, proj of joint_attn, mlp (both matrices)."""
    found = []
    for i in range(len(model.blocks)):
        found += attention_weights(model, "joint_attn", i, f"blocks.{i}.joint_attn.attn")
        found += mlp_weights(model, "mlp", i, f"blocks.{i}.mlp.mlp")
    return found


def sinusoid(count: int, dim: int) -> torch.Tensor:
    """Positions 0 … count−1 as waves, (1 count dim) float32, computed in float64.

    At even j sin, at odd j cos of pos / 10000^(2⌊j/2⌋/dim).
    """
    j = torch.arange(dim, dtype=torch.float64)
    positions = torch.arange(count, dtype=torch.float64)[:, None]
    angle = positions / 10000.0 ** (2 * (j // 2) / dim)
    return torch.where(j % 2 == 0, angle.sin(), angle.cos()).float()[None]


class _TubeletEmbed(nn.Module):
    """One token per tubelet: (b 3 t h w) → (b t*h*w c)."""

    def __init__(self, dim: int, window: tuple[int, int, int]):
        super().__init__()
        self.proj = nn.Conv3d(3, dim, window, window)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        # contiguous, or everything after it strides over memory
        return self.proj(clip).flatten(2).transpose(1, 2).contiguous()


class _Attention(Attention):
    """Self-attention whose keys have no bias.

    With `cosine` it is attention of unit vectors, with a learnt sharpness per head.
    """

    def __init__(self, dim: int, heads: int, dropout: float, cosine: bool):
        super().__init__(dim, heads, dropout, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        start = torch.full((heads, 1, 1), 10.0).log()
        self.log_scale = nn.Parameter(start) if cosine else None

    def qkv_bias(self) -> torch.Tensor:
        return torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if self.log_scale is None:
            return super().attend(q, k, v)
        q = F.normalize(q, dim=-1) * self.log_scale.clamp(max=_LARGEST_LOG_SCALE).exp()
        return F.scaled_dot_product_attention(q, F.normalize(k, dim=-1), v, scale=1.0)


def _block(network: Network, cosine_attention: bool, drop_path: float) -> nn.Sequential:
    dim, dropout = network.embed_dim, network.dropout
    attention = _Attention(dim, network.heads, dropout, cosine_attention)
    mlp = Mlp(dim, int(dim * network.mlp_ratio), dropout)
    shared = {"layer_scale": network.layer_scale, "drop_path": drop_path}
    block = nn.Sequential()
    block.add_module("joint_attn", Sublayer("attn", attention, dim, **shared))
    block.add_module("mlp", Sublayer("mlp", mlp, dim, **shared))
    return block


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
    (
        r"(?:backbone\.patch_embed|videomae\.embeddings\.patch_embeddings)\.projection\.",
        "patch_embed.proj.",
    ),
    (r"(?:backbone\.norm|videomae\.layernorm)\.", "norm."),
    (r"backbone\.fc_norm\.", "fc_norm."),
    (r"(?:cls_head\.fc_cls|classifier)\.", "head."),
)
