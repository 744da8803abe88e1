"""Names of weights: from every known layout of a file to the project's own."""

import re
from collections.abc import Mapping, Sequence

import torch

from signal_perception.errors import UserError

Rules = Sequence[tuple[str, str | None]]


def renamed(state: Mapping[str, torch.Tensor], rules: Rules) -> dict[str, torch.Tensor]:
    """A state dict in our names; two keys that would become one are an error.

    rules: (pattern, replacement): of a key whose beginning the first fitting pattern matches, that beginning is replaced (groups as \\1);
    None leaves the entry out. A key that no pattern fits is kept as it is, for the strict load to take or to refuse.
    """
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        match, replacement = next(
            ((match, replacement) for pattern, replacement in compiled if (match := pattern.match(key))), (None, key)
        )
        if replacement is None:
            continue
        name = match.expand(replacement) + key[match.end() :] if match else key
        if name in found:
            raise UserError(f"these weights hold '{name}' twice, once as '{key}': use a file with one layout")
        found[name] = value
    return found


def fused(state: Mapping[str, torch.Tensor], parts: Sequence[str], whole: str) -> dict[str, torch.Tensor]:
    """A state dict in which entries that end in each of `parts`, e.g. ("query.weight", …), are stacked row-wise under the ending `whole`.

    Where a part is missing the others stay as they are, for the strict load to refuse by name.
    """
    found = dict(state)
    for key in state:
        stem = key.removesuffix(parts[0])
        pieces = [f"{stem}{part}" for part in parts]
        if stem != key and all(piece in found for piece in pieces):
            found[stem + whole] = torch.cat([found.pop(piece) for piece in pieces])
    return found
