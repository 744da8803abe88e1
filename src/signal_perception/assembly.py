"""From parameters to objects: the model of an entry, its trained weights, its pre-trained weights.

Whoever is given a model with values here goes on to calculate with it, on as many CPU threads as the parameters say.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from signal_perception import devices, models, paths, seeding
from signal_perception.errors import UserError
from signal_perception.params import Params

Kept = TypeVar("Kept")


def fresh_model(params: Params, name: str, classes: int, dataset: str) -> nn.Module:
    """The model of an entry with start values drawn from the seed, or with its pre-trained weights where it has some."""
    devices.use_threads(params.cpu_threads)
    torch.manual_seed(seeding.integer(params.seed, "start", dataset, name))
    model = _build(params, name, classes)
    if (pretrained := pretrained_file(params, name)) is not None:
        entry = params.model(name).pretrained
        assert entry is not None
        models.load(name, model, pretrained, entry.sha256)
    return model


def trained_model(params: Params, dataset: str, name: str, classes: int, where: torch.device) -> nn.Module:
    """The model of an entry with the weights that the stage finetune wrote, in evaluation mode on the device."""
    devices.use_threads(params.cpu_threads)
    model = _build(params, name, classes)
    models.load(name, model, paths.weights(dataset, name))
    return model.to(where).eval()


_KEPT: dict[Path, object] = {}


def kept(key: Path, make: Callable[[], Kept]) -> Kept:
    """What `make` returns, kept by this process from one unit of work to the next until another key is asked for.

    The key is a folder of the scratch directory, whose name changes with everything the object depends on.
    """
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = make()
    return _KEPT[key]  # type: ignore[return-value]


def outline(params: Params, name: str, classes: int) -> nn.Module:
    """The model of an entry without values (on the meta device): for its names and shapes, in no time."""
    with torch.device("meta"):
        return _build(params, name, classes)


def pretrained_file(params: Params, name: str) -> Path | None:
    """Where the pre-trained weights of an entry lie, None where it starts from scratch; a UserError where they are missing."""
    entry = params.model(name).pretrained
    if entry is None:
        return None
    path = paths.PRETRAINED / entry.file
    if not path.is_file():
        raise UserError(
            f"models.{name}.{params.study.size}.pretrained asks for {path}, which is not there; get it from {entry.source} "
            f"and put it at {path}, or set pretrained to null to train from scratch."
        )
    return path


def _build(params: Params, name: str, classes: int) -> nn.Module:
    try:
        return models.build(name, classes, params.model(name).network)
    except UserError as error:
        raise UserError(f"params.yaml, models.{name}.{params.study.size}.network: {error}") from None
