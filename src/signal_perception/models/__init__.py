"""Video classification models, one file each: the files that define `build` are the list of models.

Every model file offers `build`, `from_checkpoint`, `taps`, `segments` and `weights`; the functions here call them by the model's name. A
model file is imported when its name is first used, never before, so that a stage depends on the code of its own model alone.
The functions `models.taps` and the module `signal_perception.models.taps` share a name: import from the module with
`from signal_perception.models.taps import …`.
"""

import importlib
import inspect
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, get_args, get_origin

import torch
from torch import nn

from signal_perception.errors import UserError
from signal_perception.models import _torchvision  # noqa: F401 — before any import of timm
from signal_perception.models import checkpoints as _checkpoints
from signal_perception.models.blocks import Segment
from signal_perception.models.taps import Tap, Weights


@cache
def names() -> tuple[str, ...]:
    """Names of all models, sorted: the files of this package that define `build`."""
    return tuple(
        file.stem
        for folder in __path__
        for file in sorted(Path(folder).glob("[!_]*.py"))
        if re.search(r"^def build\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    )


def module(name: str) -> ModuleType:
    """The file of a model."""
    if name not in names():
        raise UserError(f"there is no model '{name}': choose one of {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def build(name: str, num_classes: int, network: Mapping[str, Any]) -> nn.Module:
    """A fresh model with `num_classes` logits; `network` holds keyword arguments of its file's `build` (lists are taken as tuples).

    The start values come from PyTorch's global generator. forward: (b 3 t h w) float → (b classes).
    """
    function = module(name).build
    known = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    arguments = {}
    for key, value in network.items():
        parameter = next((p for p in known if p.name == key), None)
        if parameter is None:
            raise UserError(f"{name} has no network number '{key}': it has {', '.join(p.name for p in known)}")
        value = tuple(value) if isinstance(value, list) else value
        if not _is(value, parameter.annotation):
            kind = inspect.formatannotation(parameter.annotation)
            raise UserError(
                f"network number '{key}' of {name} is {value!r}: give {kind}, for instance {parameter.default!r}"
            )
        arguments[key] = value
    return function(num_classes, **arguments)


def load(name: str, model: nn.Module, path: Path | str, sha256: str | None = None) -> list[str]:
    """Read a file of weights in any layout that the model's file knows, and load it strictly; returns the keys of a head set aside."""
    return load_state(name, model, _checkpoints.read(path, sha256))


def load_state(name: str, model: nn.Module, state: Mapping[str, torch.Tensor]) -> list[str]:
    """Load weights in any layout that the model's file knows, strictly, into the model; returns the keys of a head set aside.

    Tables of another input size are resized first, by the model's own rule (its method `resized`), where it has one.
    """
    own = module(name).from_checkpoint(dict(state))
    resized = getattr(model, "resized", None)
    return _checkpoints.load(model, resized(own) if resized else own, name)


def taps(name: str, model: nn.Module) -> list[Tap]:
    """Every place where the model can be listened to, in execution order."""
    return module(name).taps(model)


def segments(name: str, model: nn.Module) -> list[Segment]:
    """The forward pass as steps between block boundaries; folding them over a clip is the forward pass."""
    return module(name).segments(model)


def weights(name: str, model: nn.Module) -> list[Weights]:
    """Every slice of weights that noise can be added to, by component, in execution order."""
    return module(name).weights(model)


def components(name: str, model: nn.Module) -> dict[str, list[Weights]]:
    """Component → its slices in execution order.

    Beside the components that the slices name: an attention's own name ("spatial_attn") for its q, k and v together, and "q", "k", "v",
    "proj" for those of all attentions.
    """
    found: dict[str, list[Weights]] = {}
    for piece in weights(name, model):
        attention, _, part = piece.component.rpartition(".")
        unions = {"q": (attention, part), "k": (attention, part), "v": (attention, part), "proj": (part,)}
        for component in (piece.component, *(unions.get(part, ()) if attention else ())):
            found.setdefault(component, []).append(piece)
    return dict(sorted(found.items()))


def _is(value: object, annotation: Any) -> bool:
    """Whether a value is of an annotated type: int, float (an int will do), bool, str, None, unions of them and tuples."""
    if isinstance(annotation, UnionType):
        return any(_is(value, choice) for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)
        if inner[-1] is Ellipsis:
            return isinstance(value, tuple) and bool(value) and all(_is(item, inner[0]) for item in value)
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(_is, value, inner))
    if annotation is None or annotation is type(None):
        return value is None
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, (int, float) if annotation is float else annotation)
