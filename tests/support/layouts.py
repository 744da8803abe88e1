"""State dicts of the authors in the layouts in which users meet them.

These are facts read off the code of mmaction2, transformers and torchvision. A table has the
beginning of an authors' name and that of the other layout; # stands for numbers (of a block, or of
a stage and a block). The tests hold the tables against mmaction2's own key lists and against the
other libraries' own models, loaded strictly.
"""

import re
from collections.abc import Callable

import torch

_MM_LAYER = "backbone.transformer_layers.layers.#."
_HF_LAYER = "timesformer.encoder.layer.#."

State = dict[str, torch.Tensor]
Table = dict[str, str]

_MM_TIMESFORMER = {
    "cls_token": "backbone.cls_token",
    "pos_embed": "backbone.pos_embed",
    "time_embed": "backbone.time_embed",
    "patch_embed.proj.": "backbone.patch_embed.projection.",
    "blocks.#.mlp.fc1.": _MM_LAYER + "ffns.0.layers.0.0.",
    "blocks.#.mlp.fc2.": _MM_LAYER + "ffns.0.layers.1.",
    "norm.": "backbone.norm.",
    "head.": "cls_head.fc_cls.",
}
_MM_VIDEOMAE = {
    "patch_embed.proj.": "backbone.patch_embed.projection.",
    "blocks.#.mlp.fc1.": "backbone.blocks.#.mlp.layers.0.0.",
    "blocks.#.mlp.fc2.": "backbone.blocks.#.mlp.layers.1.",
    "head.": "cls_head.fc_cls.",
    "": "backbone.",
}
_HF_TIMESFORMER = {
    "cls_token": "timesformer.embeddings.cls_token",
    "pos_embed": "timesformer.embeddings.position_embeddings",
    "time_embed": "timesformer.embeddings.time_embeddings",
    "patch_embed.proj.": "timesformer.embeddings.patch_embeddings.projection.",
    "blocks.#.norm1.": _HF_LAYER + "layernorm_before.",
    "blocks.#.attn.qkv.": _HF_LAYER + "attention.attention.qkv.",
    "blocks.#.attn.proj.": _HF_LAYER + "attention.output.dense.",
    "blocks.#.norm2.": _HF_LAYER + "layernorm_after.",
    "blocks.#.mlp.fc1.": _HF_LAYER + "intermediate.dense.",
    "blocks.#.mlp.fc2.": _HF_LAYER + "output.dense.",
    "norm.": "timesformer.layernorm.",
    "head.": "classifier.",
}
_HF_VIDEOMAE = {
    "patch_embed.proj.": "videomae.embeddings.patch_embeddings.projection.",
    "blocks.#.norm1.": "videomae.encoder.layer.#.layernorm_before.",
    # split afterwards
    "blocks.#.attn.qkv.": "videomae.encoder.layer.#.attention.attention.qkv.",
    "blocks.#.attn.q_bias": "videomae.encoder.layer.#.attention.attention.query.bias",
    "blocks.#.attn.v_bias": "videomae.encoder.layer.#.attention.attention.value.bias",
    "blocks.#.attn.proj.": "videomae.encoder.layer.#.attention.output.dense.",
    "blocks.#.norm2.": "videomae.encoder.layer.#.layernorm_after.",
    "blocks.#.mlp.fc1.": "videomae.encoder.layer.#.intermediate.dense.",
    "blocks.#.mlp.fc2.": "videomae.encoder.layer.#.output.dense.",
    "fc_norm.": "fc_norm.",
    "head.": "classifier.",
}
MMACTION2: dict[str, Table] = {
    "timesformer_divided": {
        **_MM_TIMESFORMER,
        "blocks.#.temporal_norm1.": _MM_LAYER + "attentions.0.norm.",
        "blocks.#.temporal_attn.qkv.": _MM_LAYER + "attentions.0.attn.in_proj_",
        "blocks.#.temporal_attn.proj.": _MM_LAYER + "attentions.0.attn.out_proj.",
        "blocks.#.temporal_fc.": _MM_LAYER + "attentions.0.temporal_fc.",
        "blocks.#.norm1.": _MM_LAYER + "attentions.1.norm.",
        "blocks.#.attn.qkv.": _MM_LAYER + "attentions.1.attn.in_proj_",
        "blocks.#.attn.proj.": _MM_LAYER + "attentions.1.attn.out_proj.",
        "blocks.#.norm2.": _MM_LAYER + "ffns.0.norm.",
    },
    "timesformer_joint": {
        **_MM_TIMESFORMER,
        "blocks.#.norm1.": _MM_LAYER + "norms.0.",
        "blocks.#.attn.qkv.": _MM_LAYER + "attentions.0.attn.in_proj_",
        "blocks.#.attn.proj.": _MM_LAYER + "attentions.0.attn.out_proj.",
        "blocks.#.norm2.": _MM_LAYER + "norms.1.",
    },
    "uniformer_v1": {"head.": "cls_head.fc_cls.", "": "backbone."},
    "uniformer_v2": {
        "transformer.proj.0.": "backbone.transformer.norm.",
        "transformer.proj.2.": "cls_head.fc_cls.",
        "": "backbone.",
    },
    "swin": {"backbone.norm.": "backbone.norm3.", "": ""},
    "videomae_v1": _MM_VIDEOMAE,
    "videomae_v2": _MM_VIDEOMAE,
}
HUGGING_FACE: dict[str, Table] = {
    "timesformer_divided": {
        **_HF_TIMESFORMER,
        "blocks.#.temporal_norm1.": _HF_LAYER + "temporal_layernorm.",
        "blocks.#.temporal_attn.qkv.": _HF_LAYER + "temporal_attention.attention.qkv.",
        "blocks.#.temporal_attn.proj.": _HF_LAYER + "temporal_attention.output.dense.",
        "blocks.#.temporal_fc.": _HF_LAYER + "temporal_dense.",
    },
    "timesformer_joint": _HF_TIMESFORMER,
    "videomae_v1": _HF_VIDEOMAE,
    "videomae_v2": _HF_VIDEOMAE,
}
_TORCHVISION: Table = {
    **{
        f"backbone.layers.{stage}.blocks.#.{ours}": f"features.{2 * stage}.#.{theirs}"
        for stage in range(4)
        for ours, theirs in {"mlp.fc1.": "mlp.0.", "mlp.fc2.": "mlp.3.", "": ""}.items()
    },
    **{f"backbone.layers.{stage}.downsample.": f"features.{2 * stage + 1}." for stage in range(3)},
    "cls_head.fc_cls.": "head.",
    "backbone.": "",
}
# in the authors' files
PREFIXES = {
    "timesformer_divided": "model.",
    "timesformer_joint": "model.",
    "uniformer_v2": "backbone.",
}


def renamed(state: State, table: Table) -> State:
    """The authors' state dict with other names.

    Every key must be in the table; the longest beginning that fits counts.
    """
    found = {}
    for key, value in state.items():
        for ours in sorted(table, key=len, reverse=True):
            if match := re.match(re.escape(ours).replace(r"\#", r"(\d+)"), key):
                theirs = table[ours]
                for number in match.groups():
                    theirs = theirs.replace("#", number, 1)
                found[theirs + key[match.end() :]] = value
                break
        else:
            raise KeyError(key)
    return found


def _authors(name: str, state: State) -> State:
    return {PREFIXES.get(name, "") + key: value for key, value in state.items()}


def _mmaction2(name: str, state: State) -> State:
    found = renamed(state, MMACTION2[name])
    # its sinusoid is in the file
    if name.startswith("videomae"):
        found["backbone.pos_embed"] = torch.full((1, 8, len(state["patch_embed.proj.bias"])), 0.5)
    return found


def _hugging_face(name: str, state: State) -> State:
    found = {}
    for key, value in renamed(state, HUGGING_FACE[name]).items():
        if name.startswith("videomae") and key.endswith(".qkv.weight"):
            parts = zip(("query", "key", "value"), value.chunk(3))
            found |= {key.replace(".qkv.", f".{part}."): rows for part, rows in parts}
        else:
            found[key] = value
    return found


def _hugging_face_4(name: str, state: State) -> State:
    """VideoMAE as transformers before version 5 wrote it."""
    return {
        re.sub(r"(query|value)\.bias$", lambda match: f"{match[1][0]}_bias", key): value
        for key, value in _hugging_face(name, state).items()
    }


def _torchvision(name: str, state: State) -> State:
    return renamed(state, _TORCHVISION)


LAYOUTS: dict[str, tuple[tuple[str, ...], Callable[[str, State], State]]] = {
    "authors": (
        ("i3d", "i3d_inception", "swin", "uniformer_v1", "uniformer_v2", *HUGGING_FACE),
        _authors,
    ),
    "mmaction2": (tuple(MMACTION2), _mmaction2),
    "hugging face": (tuple(HUGGING_FACE), _hugging_face),
    "hugging face 4": (("videomae_v1", "videomae_v2"), _hugging_face_4),
    "torchvision": (("swin",), _torchvision),
}
