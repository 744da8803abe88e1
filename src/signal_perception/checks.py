"""What would stop a study, found before any work starts: missing data, missing weights, networks that do not fit their input."""

from collections.abc import Callable, Iterator

import torch

from signal_perception import assembly, grid, ingest, models
from signal_perception.errors import UserError
from signal_perception.models import checkpoints
from signal_perception.noise import pool_layers
from signal_perception.params import Params, SyntheticSource


def problems(params: Params) -> Iterator[str]:
    """One sentence for each thing that stops the study as params.yaml describes it."""
    for dataset in params.study.datasets:
        yield from _told(lambda name=dataset: _dataset(params, name))
    for model in params.study.models:
        yield from _told(lambda name=model: _model(params, name))


def _told(check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except UserError as error:
        yield str(error)


def _dataset(params: Params, dataset: str) -> None:
    if not isinstance(params.datasets[dataset].source, SyntheticSource):
        ingest.load_catalog(params, dataset)


def _model(params: Params, name: str) -> None:
    entry, size = params.model(name), params.study.size
    if name not in models.names():
        raise UserError(f"There is no model {name!r}; there are {', '.join(models.names())}.")
    model = assembly.outline(params, name, classes=2)
    components = models.components(name, model)
    try:
        grid.plan(params.noise.grids, entry.disturb, list(components))
        if any(each.panels == "thirds" for each in params.noise.grids.values()):
            pool_layers(len({piece.block for piece in components[entry.disturb]}), "front")
    except UserError as error:
        raise UserError(f"params.yaml, models.{name}.{size}.disturb: {error}") from None
    try:
        with torch.device("meta"):
            model.eval()(torch.empty(1, 3, entry.input.frames, entry.input.size, entry.input.size))
    except UserError as error:
        raise UserError(f"params.yaml, models.{name}.{size}.input: {error}") from None
    pretrained = assembly.pretrained_file(params, name)
    if pretrained is not None:
        assert entry.pretrained is not None
        found = checkpoints.weights_hash(pretrained)
        if not found.startswith(entry.pretrained.sha256):
            raise UserError(
                f"{pretrained} has the SHA-256 {found}, but models.{name}.{size}.pretrained.sha256 is {entry.pretrained.sha256}; "
                f"get the right file from {entry.pretrained.source}, or correct the entry."
            )
