"""Names of weights: from every known layout of a file to the project's own."""

import re
from collections.abc import Mapping, Sequence

import torch

from signal_perception.pipeline.errors import UserError

Rules = Sequence[tuple[str, str | None]]


def renamed(state: Mapping[str, torch.Tensor], rules: Rules) -> dict[str, torch.Tensor]:
    """A state dict in our names; two keys that would become one are an error.

    rules: pairs of a pattern and a replacement. The first pattern that matches the beginning of a
    key counts: that beginning is replaced (groups as \\1), and None leaves the entry out. A key
    that no pattern matches stays as it is, for the strict load to take or to refuse.
    """
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        matches = ((pattern.match(key), replacement) for pattern, replacement in compiled)
        match, replacement = next((pair for pair in matches if pair[0]), (None, key))
        if replacement is None:
            continue
        name = match.expand(replacement) + key[match.end() :] if match else key
        if name in found:
            raise UserError(
                f"These weights hold '{name}' twice, once as '{key}': use a file with one layout."
            )
        found[name] = value
    return found


def stacked(
    state: Mapping[str, torch.Tensor], endings: Sequence[str], ending: str
) -> dict[str, torch.Tensor]:
    """A state dict in which entries that end in each of `endings` become one that ends in `ending`.

    Example: "query.weight", "key.weight", "value.weight" → "qkv.weight", stacked row-wise. Where
    one of them is missing the others stay as they are, for the strict load to refuse by name.
    """
    found = dict(state)
    for key in state:
        stem = key.removesuffix(endings[0])
        parts = [f"{stem}{each}" for each in endings]
        if stem != key and all(part in found for part in parts):
            found[stem + ending] = torch.cat([found.pop(part) for part in parts])
    return found
