"""The list of models, and each model's functions by its name.

A model is a file models/<name>.py that defines `build`. It offers

    Network          a frozen dataclass: the network numbers, each with its type and default
    build            (num_classes, Network) → a fresh model, (b 3 t h w) float → (b classes)
    from_checkpoint  a state dict in any known layout → the same in the model's own names
    taps             model → every place whose activation can be recorded, in execution order
    segments         model → the forward pass as steps between block boundaries
    weights          model → every slice of weights that can be disturbed, in execution order

and its module names its classification head in `classifier`. A file is imported when its name is
first used, never before, so that a stage depends on the code of its own model alone.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, get_args, get_origin

import torch
from torch import nn

# before any model file, which may import timm
from signal_perception.pipeline import torchvision_shim  # noqa: F401

# isort: split
from signal_perception import models
from signal_perception.models.core import checkpoints, tensors
from signal_perception.models.core.state import Segment
from signal_perception.models.core.taps import Tap, Weights
from signal_perception.pipeline.errors import UserError

State = dict[str, torch.Tensor]


@cache
def names() -> tuple[str, ...]:
    """Names of all models, sorted: the files in the folders of `models` that define `build`."""
    files = (file for folder in models.__path__ for file in Path(folder).glob("[!_]*.py"))
    defines_build = re.compile(r"^def build\(", re.MULTILINE)
    return tuple(
        sorted(file.stem for file in files if defines_build.search(file.read_text("utf-8")))
    )


def module(name: str) -> ModuleType:
    """The file of a model."""
    if name not in names():
        raise UserError(f"There is no model '{name}': choose one of {', '.join(names())}.")
    return importlib.import_module(f"{models.__name__}.{name}")


def numbers(name: str) -> Mapping[str, inspect.Parameter]:
    """Network numbers of a model: name → its type (`annotation`) and `default`."""
    return inspect.signature(module(name).Network).parameters


def build(name: str, num_classes: int, network: Mapping[str, Any]) -> nn.Module:
    """A fresh model with `num_classes` logits; forward: (b 3 t h w) float → (b classes).

    network: those network numbers that differ from their defaults; lists are taken as tuples. The
    start values come from PyTorch's global generator.
    """
    known, chosen = numbers(name), {}
    for key, value in network.items():
        if key not in known:
            raise UserError(
                f"Model {name} has no network number '{key}': choose among {', '.join(known)}."
            )
        chosen[key] = tuple(value) if isinstance(value, list) else value
        if not _is_of_type(chosen[key], known[key].annotation):
            kind = inspect.formatannotation(known[key].annotation)
            raise UserError(
                f"Network number '{key}' of {name} is {chosen[key]!r}: "
                f"give {kind}, for instance {known[key].default!r}."
            )
    file = module(name)
    return file.build(num_classes, file.Network(**chosen))


def load(name: str, model: nn.Module, path: Path | str, sha256: str | None = None) -> list[str]:
    """Read a file of weights in any layout that the model's file knows, and load it strictly.

    Returns the keys of a head set aside.
    """
    return load_state(name, model, checkpoints.read(path, sha256))


def load_state(name: str, model: nn.Module, state: Mapping[str, torch.Tensor]) -> list[str]:
    """Load weights in any layout that the model's file knows, strictly, into the model.

    Returns the keys of a head set aside. Tables of another input size are resized first, by the
    model's own rule (its method `resized`), where it has one.
    """
    own, _ = fitted(name, model, state)
    return checkpoints.load(model, own, name)


def fitted(
    name: str, model: nn.Module, state: Mapping[str, torch.Tensor]
) -> tuple[State, list[str]]:
    """Weights as `load_state` takes them, in the model's names, and the keys of a head set aside.

    A model without values (on the meta device) will do.
    """
    own = _in_our_names(name, state)
    resized = getattr(model, "resized", None)
    if resized is not None:
        tensors.refuse_other_kinds(model.state_dict(), own, name)
        own = _fitting(name, resized, own)
    return own, checkpoints.aside(model, own, name)


def classes(name: str, model: nn.Module, state: Mapping[str, torch.Tensor]) -> int:
    """How many classes the head has in weights that `load_state` takes."""
    own = _in_our_names(name, state)
    return next(len(own[key]) for key in own if key.startswith(f"{model.classifier}."))


def taps(name: str, model: nn.Module) -> list[Tap]:
    """Every place whose activation can be recorded, in execution order."""
    return module(name).taps(model)


def segments(name: str, model: nn.Module) -> list[Segment]:
    """The forward pass as steps between block boundaries; folding them is the forward pass."""
    return module(name).segments(model)


def weights(name: str, model: nn.Module) -> list[Weights]:
    """Every slice of weights that can be disturbed, by component, in execution order."""
    return module(name).weights(model)


def components(name: str, model: nn.Module) -> dict[str, list[Weights]]:
    """Component → its slices in execution order.

    Beside the components that the slices name: an attention's own name ("spatial_attn") for its
    q, k and v together, and "q", "k", "v", "proj" for those of all attentions.
    """
    return _by_component(weights(name, model))


def components_of(model: nn.Module) -> dict[str, list[Weights]]:
    """`components` of a model without its name: from the file that defines its class."""
    for kind in type(model).__mro__:
        if kind.__module__.startswith(f"{models.__name__}."):
            slices = getattr(sys.modules[kind.__module__], "weights", None)
            if slices is not None:
                return _by_component(slices(model))
    raise UserError(
        f"{type(model).__name__} is no model of this project, so nobody knows its components; give "
        f"one of {', '.join(names())} as `build` makes it, without anything around it."
    )


def _in_our_names(name: str, state: Mapping[str, torch.Tensor]) -> State:
    """A state dict in any layout that the model's file knows, in the model's own names."""
    return _fitting(name, module(name).from_checkpoint, dict(state))


def _fitting(name: str, change: Callable[[State], State], state: State) -> State:
    """What `change` makes of weights; UserError where their shapes do not allow it."""
    try:
        return change(state)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        raise UserError(
            f"These weights do not fit {name}: some have other shapes than the layout that their "
            "names are of; get the file again."
        ) from error


def _by_component(slices: Sequence[Weights]) -> dict[str, list[Weights]]:
    found: dict[str, list[Weights]] = {}
    for piece in slices:
        attention, _, part = piece.component.rpartition(".")
        unions = []
        if attention and part in ("q", "k", "v"):
            unions = [attention, part]
        elif attention and part == "proj":
            unions = [part]
        for component in (piece.component, *unions):
            found.setdefault(component, []).append(piece)
    return dict(sorted(found.items()))


def _is_of_type(value: object, annotation: Any) -> bool:
    """Whether a value is of an annotated type.

    Known are int, float (an int will do), bool, str, None, unions of them and tuples.
    """
    if isinstance(annotation, UnionType):
        return any(_is_of_type(value, choice) for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)
        if not isinstance(value, tuple):
            return False
        if inner[-1] is Ellipsis:
            return bool(value) and all(_is_of_type(item, inner[0]) for item in value)
        return len(value) == len(inner) and all(map(_is_of_type, value, inner))
    if annotation is None or annotation is type(None):
        return value is None
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, (int, float) if annotation is float else annotation)
