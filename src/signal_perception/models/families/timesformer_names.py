"""Names of TimeSformer's weights, from every known layout to ours: rules for `core.names.renamed`.

The layouts are the authors', mmaction2's and Hugging Face's. Divided and joint attention differ in
what a name means: the authors' `attn` is spatial in the one and joint in the other.
"""

# how a block's names begin in each layout; its number is group 1
_THEIR_BLOCK = (
    r"(?:(?:model\.)?blocks|backbone\.transformer_layers\.layers|timesformer\.encoder\.layer)"
    r"\.(\d+)\."
)


def _of_blocks(part: str, beginnings: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Rules for a sub-layer `part` of a block: a part of it → how its names begin elsewhere."""
    return tuple(
        (f"{_THEIR_BLOCK}(?:{theirs})", rf"blocks.\1.{part}.{ours}")
        for ours, theirs in beginnings.items()
    )


_SHARED_NAMES = (
    *_of_blocks(
        "mlp",
        {
            "mlp.fc1.": r"mlp\.fc1\.|ffns\.0\.layers\.0\.0\.|intermediate\.dense\.",
            "mlp.fc2.": r"mlp\.fc2\.|ffns\.0\.layers\.1\.|output\.dense\.",
        },
    ),
    (r"(?:backbone|timesformer\.embeddings)\.cls_token", "cls_token"),
    (r"backbone\.pos_embed|timesformer\.embeddings\.position_embeddings", "pos_embed"),
    (r"backbone\.time_embed|timesformer\.embeddings\.time_embeddings", "time_embed"),
    (
        r"(?:backbone\.patch_embed|timesformer\.embeddings\.patch_embeddings)\.projection\.",
        "patch_embed.proj.",
    ),
    (r"(?:backbone\.norm|timesformer\.layernorm)\.", "norm."),
    (r"(?:cls_head\.fc_cls|classifier)\.", "head."),
    (r"model\.", ""),
)

DIVIDED_NAMES = (
    *_of_blocks(
        "temporal_attn",
        {
            "norm.": r"temporal_norm1\.|attentions\.0\.norm\.|temporal_layernorm\.",
            "attn.qkv.": r"temporal_attn\.qkv\.|attentions\.0\.attn\.in_proj_"
            r"|temporal_attention\.attention\.qkv\.",
            "attn.proj.": r"temporal_attn\.proj\.|attentions\.0\.attn\.out_proj\."
            r"|temporal_attention\.output\.dense\.",
            "attn.fc.": r"temporal_fc\.|attentions\.0\.temporal_fc\.|temporal_dense\.",
        },
    ),
    *_of_blocks(
        "spatial_attn",
        {
            "norm.": r"norm1\.|attentions\.1\.norm\.|layernorm_before\.",
            "attn.qkv.": r"attn\.qkv\.|attentions\.1\.attn\.in_proj_|attention\.attention\.qkv\.",
            "attn.proj.": r"attn\.proj\.|attentions\.1\.attn\.out_proj\."
            r"|attention\.output\.dense\.",
        },
    ),
    *_of_blocks("mlp", {"norm.": r"norm2\.|ffns\.0\.norm\.|layernorm_after\."}),
    *_SHARED_NAMES,
)
JOINT_NAMES = (
    *_of_blocks(
        "joint_attn",
        {
            "norm.": r"norm1\.|norms\.0\.|layernorm_before\.",
            "attn.qkv.": r"attn\.qkv\.|attentions\.0\.attn\.in_proj_|attention\.attention\.qkv\.",
            "attn.proj.": r"attn\.proj\.|attentions\.0\.attn\.out_proj\."
            r"|attention\.output\.dense\.",
        },
    ),
    *_of_blocks("mlp", {"norm.": r"norm2\.|norms\.1\.|layernorm_after\."}),
    *_SHARED_NAMES,
)
