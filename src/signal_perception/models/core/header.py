"""What a safetensors file says before its tensors, read without PyTorch.

The file is eight bytes (the length of the header, little-endian), the header (JSON, filled up with
spaces), and the tensors. The header maps name → `dtype`, `shape`, `data_offsets`; its entry
`__metadata__` maps text to text. Ours has one entry there, ABOUT: with several, the order in which
safetensors writes them is not fixed, and so the bytes are not.

Format: github.com/huggingface/safetensors, README.md.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signal_perception.pipeline.errors import UserError

ABOUT = "signal_perception"
_METADATA = "__metadata__"
_ALIGNED = 8
# longer headers are refused by safetensors, too
_LONGEST = 100_000_000


def read(path: Path) -> dict[str, Any]:
    """The header: name → what is known of a tensor, and `__metadata__` where there is any."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= _LONGEST else b""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise UserError(f"File {path} is no intact safetensors file: get it again.")
    return found


def tensors(path: Path) -> dict[str, dict[str, Any]]:
    """Name → `dtype`, `shape` and `data_offsets` of each tensor, in the order of the file."""
    return {name: each for name, each in read(path).items() if name != _METADATA}


def about(path: Path) -> Any:
    """What this project wrote about the weights (JSON); None where somebody else wrote them."""
    text = read(path).get(_METADATA, {}).get(ABOUT)
    return None if text is None else json.loads(text)


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
