"""Files of weights: read without running code, checked, loaded strictly, written so that equal weights give equal bytes."""

import argparse
import hashlib
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from signal_perception.errors import UserError

_WRAPPERS = (
    "model_state",
    "module",
    "model",
    "state_dict",
)  # TimeSformer and SlowFast; DeepSpeed; most others; mmengine, Lightning
_LISTED = 10


def read(path: Path | str, sha256: str | None) -> dict[str, torch.Tensor]:
    """State dict in a file, as written there, on the CPU: .safetensors, or a PyTorch file of tensors and plain data.

    Wrappers (model_state, module, model, state_dict) are peeled off. `sha256`, if given, is what the file must hash to, or how that begins.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"weights are asked from {path}, which does not exist: put the file there or change the path")
    if sha256 is not None and not (found := weights_hash(path)).startswith(sha256.lower()):
        raise UserError(
            f"{path} has SHA-256 {found}, but {sha256.lower()} is asked for: get the right file or correct the checksum"
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pytorch(path)
    while isinstance(content, Mapping) and (inner := _wrapped(content)) is not None:
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise UserError(
            f"{path} holds no state dict (names → tensors) but a {type(content).__name__}: use another file"
        )
    odd = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, torch.Tensor))]
    if odd:
        raise UserError(
            f"{path} should hold tensors by name, but these entries are none: {_some(odd)}; "
            f"save the state dict alone, or under one of {', '.join(_WRAPPERS)}"
        )
    return dict(content)


def load(model: nn.Module, state: Mapping[str, torch.Tensor], name: str) -> list[str]:
    """Copy a state dict in the project's own layout (see each model's `from_checkpoint`) into a model, strictly.

    Returns the keys that were set aside: those of the classification head (`model.classifier`), when its size differs. Counters of batch
    normalisation may be missing (files older than PyTorch 0.4.1). Any other difference in names or shapes is an error.
    name: the model's name, for messages.
    """
    own = model.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    if missing or unexpected:
        raise UserError(
            f"these weights do not fit {name}: "
            + "; ".join(
                f"{len(keys)} {what} ({_some(keys)})"
                for what, keys in (("missing", missing), ("unexpected", unexpected))
                if keys
            )
            + "; use weights of this model, in a layout that it knows, and the same network numbers"
        )
    unequal = [key for key, value in state.items() if value.shape != own[key].shape]
    aside = [key for key in unequal if key.startswith(f"{model.classifier}.")]
    wrong = [
        f"{key} has {tuple(state[key].shape)}, the model {tuple(own[key].shape)}" for key in unequal if key not in aside
    ]
    if wrong:
        raise UserError(
            f"these weights do not fit {name}: {_some(wrong)}; use the network numbers they were trained with"
        )
    if aside:  # the whole head: a bias of the old head would mean nothing under new weights
        aside = [key for key in own if key in state and key.startswith(f"{model.classifier}.")]
    model.load_state_dict({key: value for key, value in state.items() if key not in aside}, strict=False)
    return aside


def save(model: nn.Module, path: Path | str) -> None:
    """Write the model's state dict as safetensors: equal weights, equal bytes. A reader never sees half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def weights_hash(path: Path | str) -> str:
    """SHA-256 of the file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is no intact safetensors file ({error}): get it again") from error


def _read_pytorch(path: Path) -> Any:
    try:
        # VideoMAE's authors keep their command line beside the weights, as a Namespace: plain data
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = f"it calls for '{code[1]}', which could run code" if code else str(error).partition("\n")[0]
        raise UserError(
            f"{path} is refused: {reason}; save its state dict alone (torch.save or safetensors) where you trust it"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise UserError(
            f"{path} is no intact PyTorch file ({str(error).partition(chr(10))[0]}): get it again"
        ) from error


def _wrapped(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)


def _some(items: list[str]) -> str:
    return ", ".join(items[:_LISTED]) + (f" and {len(items) - _LISTED} more" if len(items) > _LISTED else "")
