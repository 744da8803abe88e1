"""Files of weights: read without running code, checked, loaded strictly, written reproducibly."""

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

from signal_perception.models.core import header, pickles, tensors
from signal_perception.pipeline.errors import UserError

# TimeSformer and SlowFast; DeepSpeed; most others; mmengine and Lightning
_WRAPPERS = ("model_state", "module", "model", "state_dict")
# Of an entry that is named.
_LETTERS = 80


def read(path: Path | str, sha256: str | None) -> dict[str, torch.Tensor]:
    """State dict in a file, as written there, on the CPU.

    The file is .safetensors, or a PyTorch file of tensors and plain data. Wrappers (model_state,
    module, model, state_dict) are peeled off. `sha256`, if given, is what the file must hash to, or
    how that begins. UserError where the file asks for code, for more memory than it holds, or where
    a tensor is no plain one (sparse, quantised, complex, …); its values may be NaN.
    """
    path = Path(path)
    refuse_no_file(path)
    if sha256 is not None and not (found := weights_hash(path)).startswith(sha256.lower()):
        raise UserError(
            f"File {path} has SHA-256 {found}, but {sha256.lower()} is asked for: "
            f"get the right file or correct the checksum."
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pytorch(path)
    state = _state_dict(content, path)
    tensors.refuse_odd(state, path)
    return state


def refuse_no_file(path: Path) -> None:
    """UserError where weights are asked from what is no file."""
    if path.is_dir():
        raise UserError(f"Weights are asked from {path}, which is a folder: name a file in it.")
    if not path.is_file():
        raise UserError(
            f"Weights are asked from {path}, which does not exist: "
            f"put the file there or change the path."
        )


def load(model: nn.Module, state: Mapping[str, torch.Tensor], name: str) -> list[str]:
    """Copy a state dict in the project's own layout into a model, strictly.

    Returns the keys that were set aside: those of the classification head (`model.classifier`),
    when its size differs. Counters of batch normalisation may be missing (files older than PyTorch
    0.4.1). Any other difference in names or shapes is an error, and so are whole numbers where the
    model has others. Numbers of other precision are converted.
    name: the model's name, for messages.
    """
    set_aside = aside(model, state, name)
    fitting = {key: value for key, value in state.items() if key not in set_aside}
    model.load_state_dict(fitting, strict=False)
    return set_aside


def aside(model: nn.Module, state: Mapping[str, torch.Tensor], name: str) -> list[str]:
    """The keys that `load` would set aside; UserError where the rest does not fit the model."""
    own, head = model.state_dict(), f"{model.classifier}."
    _check_names(own, state, name)
    tensors.refuse_other_kinds(own, state, name)
    unequal = [key for key, value in state.items() if value.shape != own[key].shape]
    wrong = [
        f"{tensors.shown(key)} has {tuple(state[key].shape)}, the model {tuple(own[key].shape)}"
        for key in unequal
        if not key.startswith(head)
    ]
    if wrong:
        raise UserError(
            f"These weights do not fit {name}: {tensors.some(wrong)}; "
            f"use the network numbers they were trained with."
        )
    # all of the head: a bias of the old head would mean nothing under new weights
    return [key for key in own if unequal and key in state and key.startswith(head)]


def save(model: nn.Module, path: Path | str, about: Mapping[str, Any] | None = None) -> None:
    """Write the model's state dict as safetensors: equal weights, equal bytes.

    A reader never sees half a file. about: plain values that travel with the weights.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    try:
        save_file(state, temporary, metadata=header.metadata(about))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def weights_hash(path: Path | str) -> str:
    """SHA-256 of the file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    # says what is wrong before safetensors maps the file
    header.read(path)
    try:
        return load_file(path)
    # the second is of a type that this PyTorch does not know
    except (SafetensorError, AttributeError, KeyError) as error:
        raise UserError(
            f"File {path} is no intact safetensors file ({_first_line(error)}): get it again."
        ) from error


def _read_pytorch(path: Path) -> Any:
    pickles.refuse_excess(path)
    try:
        # VideoMAE's authors store their command line beside the weights, as a Namespace: plain data
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # not in PyTorch's words, which advise to read the file in a way that runs code
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"'{code[1]}'" if code else "something other than tensors and plain data"
        raise UserError(
            f"File {path} is refused: it calls for {what}, which could run code; "
            f"save its state dict alone (torch.save or safetensors) where you trust it."
        ) from error
    except OSError:
        # of the machine, not of the file
        raise
    # a file of anything else can make the reader stumble anywhere
    except Exception as error:
        raise UserError(
            f"File {path} is no intact PyTorch file: get it again, or give a .safetensors file."
        ) from error


def _state_dict(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The state dict inside what a file holds, without its wrappers."""
    seen: set[int] = set()
    while isinstance(content, Mapping) and (inner := _wrapped(content)) is not None:
        if id(content) in seen:
            raise UserError(
                f"File {path} is refused: what it holds lies inside itself; save the state dict "
                "alone (torch.save or safetensors)."
            )
        seen.add(id(content))
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise UserError(
            f"File {path} holds no state dict (names → tensors) but a {type(content).__name__}: "
            f"use another file."
        )
    odd = [
        str(key)[:_LETTERS]
        for key, value in content.items()
        if not (isinstance(key, str) and isinstance(value, torch.Tensor))
    ]
    if odd:
        raise UserError(
            f"File {path} should hold tensors by name, but these entries are none: "
            f"{tensors.some(odd)}; save the state dict alone, or under one of "
            f"{', '.join(_WRAPPERS)}."
        )
    # without attributes of its own that a tensor may have from the file
    return {key: torch.Tensor.detach(value) for key, value in content.items()}


def _wrapped(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = (content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping))
    return next(found, None)


def _check_names(
    own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], name: str
) -> None:
    """Refuse a state dict whose names are not the model's own."""
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in own]
    differences = [
        f"{len(keys)} {what} ({tensors.some(keys)})"
        for what, keys in (("missing", missing), ("unexpected", unexpected))
        if keys
    ]
    if differences:
        raise UserError(
            f"These weights do not fit {name}: {'; '.join(differences)}; use weights of this "
            f"model, in a layout that it knows, and the same network numbers."
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
