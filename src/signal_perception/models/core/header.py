"""What a safetensors file says before its tensors, read without PyTorch.

The file is eight bytes (the length of the header, little-endian), the header (JSON, filled up with
spaces), and the tensors. The header maps name → `dtype`, `shape`, `data_offsets`; its entry
`__metadata__` maps text to text. Ours has one entry there, ABOUT: with several, the order in which
safetensors writes them is not fixed, and so the bytes are not.

Format: github.com/huggingface/safetensors, README.md.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from signal_perception.pipeline.errors import UserError

ABOUT = "signal_perception"
_METADATA = "__metadata__"
_ALIGNED = 8
# Longer headers are refused: that of a thousand tensors has a hundred thousand bytes.
_LONGEST = 10_000_000
# Bytes of a value. A type that is not here is left to safetensors.
_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}


def read(path: Path) -> dict[str, Any]:
    """The header: name → what is known of a tensor, and `__metadata__` where there is any.

    UserError where it is none, or where it does not describe the bytes that follow.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= _LONGEST else b""
    try:
        found = json.loads(text, object_pairs_hook=_once)
        right = len(text) == length and _describes(found, path.stat().st_size - 8 - length)
    # text that is no JSON, a name that is there twice, or lists in lists without end
    except (ValueError, RecursionError):
        right = False
    if not right:
        raise UserError(f"File {path} is no intact safetensors file: get it again.")
    return found


def tensors(path: Path) -> dict[str, dict[str, Any]]:
    """Name → `dtype`, `shape` and `data_offsets` of each tensor, in the order of the file."""
    return {name: each for name, each in read(path).items() if name != _METADATA}


def about(path: Path) -> Any:
    """What this project wrote about the weights (JSON); None where somebody else wrote them.

    UserError where it is no JSON.
    """
    text = read(path).get(_METADATA, {}).get(ABOUT)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(
            f"What {path} says about itself is no JSON: get it again, or write its weights again."
        ) from None


def metadata(content: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The metadata to write with tensors: equal content, equal bytes."""
    return None if content is None else {ABOUT: json.dumps(content, sort_keys=True)}


def tensors_hash(path: Path) -> str:
    """SHA-256 of the file as it would be without metadata, in hexadecimal.

    What is said about weights is no part of them: a file of ours has the same hash with it and
    without.
    """
    text = json.dumps(tensors(path), separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNED)
    with path.open("rb") as file:
        file.seek(8 + int.from_bytes(file.read(8), "little"))
        digest = hashlib.sha256(len(text).to_bytes(8, "little") + text)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _describes(found: Any, size: int) -> bool:
    """Whether a header describes `size` bytes: each value of each tensor once, without a gap."""
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        return False
    if not all(isinstance(each, str) for each in found.get(_METADATA, {}).values()):
        return False
    tensors = [each for name, each in found.items() if name != _METADATA]
    if not all(map(_is_tensor, tensors)):
        return False
    end = 0
    for first, last in sorted(each["data_offsets"] for each in tensors):
        if first != end or last < first:
            return False
        end = last
    return end == size


def _is_tensor(each: dict[str, Any]) -> bool:
    """Whether an entry has a type, a shape, and as many bytes as they make."""
    shape, offsets = each.get("shape"), each.get("data_offsets")
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2 and len(shape) <= 64):
        return False
    bytes_each = _BYTES.get(str(each.get("dtype")))
    return bytes_each is None or math.prod(shape) * bytes_each == offsets[1] - offsets[0]


def _are_sizes(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(each) is int and each >= 0 for each in values)
