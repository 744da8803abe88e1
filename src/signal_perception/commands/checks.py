"""What would stop a study, found before any work starts.

Missing data, missing weights, networks that do not fit their input. As a program (`python -m`) it
prints a line for each, and exits with 1 where there is one.
"""

import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import nn

from signal_perception.decode.catalogue import load_catalogue
from signal_perception.decode.settings import RAW
from signal_perception.inference import networks
from signal_perception.models.core import checkpoints, registry
from signal_perception.models.core.taps import capture
from signal_perception.noise import grid
from signal_perception.noise.layers import layers
from signal_perception.pipeline import params as parameters
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import MODELS, Params
from signal_perception.synthesise.settings import SyntheticSource

Result = TypeVar("Result")


def problems(params: Params) -> Iterator[str]:
    """One sentence for each thing that stops the study as the parameters describe it."""
    for dataset in params.study.datasets:
        yield from _refusal(lambda name=dataset: _check_dataset(params, name))
    for model in params.study.models:
        yield from _refusal(lambda name=model: check_model(params, name))


def _refusal(check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except UserError as error:
        yield str(error)


def _check_dataset(params: Params, dataset: str) -> None:
    source = params.datasets[dataset].source
    if not isinstance(source, SyntheticSource):
        load_catalogue(dataset, source, RAW / dataset)


def check_model(params: Params, name: str) -> None:
    """UserError where a model's entry at the study's size cannot run on one of its data sets."""
    entry, place = params.model(name), f"{MODELS / name}.yaml: {params.study.size}"
    model = _named(f"{place}.network", lambda: networks.outline(name, entry.network, classes=2))
    _refuse_an_incomplete_model(name, model)

    def plan() -> None:
        grid.plan(params.noise, entry.disturb, layers(name, model))

    def forward(frames: int, size: int) -> None:
        with torch.device("meta"), capture(model.eval(), registry.taps(name, model)):
            model(torch.empty(1, 3, frames, size, size))

    _named(f"{place}.disturb", plan)
    shown = (params.model(name, dataset).input for dataset in params.study.datasets)
    for frames, size in dict.fromkeys((each.frames, each.size) for each in shown):
        _named(f"{place}.input", lambda frames=frames, size=size: forward(frames, size))
    if entry.pretrained is not None:
        file = _named(f"{place}.pretrained", lambda: networks.pretrained_file(entry.pretrained))
        found = checkpoints.weights_hash(file)
        if not found.startswith(entry.pretrained.sha256):
            raise UserError(
                f"{place}.pretrained.sha256 is {entry.pretrained.sha256}, but {file} has the "
                f"SHA-256 {found}; get the right file from {entry.pretrained.source}, or correct "
                "the entry."
            )


def _refuse_an_incomplete_model(name: str, model: nn.Module) -> None:
    """UserError where a model's file lacks what a later stage asks for."""
    head = getattr(model, "classifier", None)
    if not isinstance(head, str) or head not in dict(model.named_modules()):
        raise UserError(
            f"Model {name} names no classification head; give its network an attribute "
            "`classifier` with the name of the module that makes the logits."
        )


def _named(key: str, make: Callable[[], Result]) -> Result:
    """What `make` returns; a UserError that it raises begins with `key`."""
    try:
        return make()
    except UserError as error:
        raise UserError(f"{key}: {error}") from None


if __name__ == "__main__":
    found = list(problems(parameters.load()))
    print("\n".join(found))
    sys.exit(1 if found else 0)
