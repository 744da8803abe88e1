"""Lists of models and of their taps."""

import torch

from signal_perception.inference import networks
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError

_CLASSES = 400


def list_models() -> None:
    """Print every model: its sizes, parameters, taps, components that noise can disturb."""
    settings = params.load()
    for name in registry.names():
        if name not in settings.models:
            print(f"{name}: no entry in {params.MODELS}")
        for size, entry in settings.models.get(name, {}).items():
            model = networks.outline(name, entry.network, _CLASSES)
            count = sum(parameter.numel() for parameter in model.parameters())
            taps = len(registry.taps(name, model))
            print(f"{name} {size}: {count / 1e6:.2f} M parameters, {taps} taps")
            print(f"  components: {', '.join(registry.components(name, model))}")


def list_taps(model: str, size: str) -> None:
    """Print the taps of a model with the shape (time height width channel) of one clip's."""
    entry = entry_of(params.load(), model, size)
    network = networks.outline(model, entry.network, _CLASSES).eval()
    shape = (1, 3, entry.input.frames, entry.input.size, entry.input.size)
    with torch.device("meta"), capture(network, registry.taps(model, network)) as record:
        network(torch.empty(*shape))
    for tap in registry.taps(model, network):
        place = f"{tap.name:28} {tap.kind:14} block {tap.block:<3} {tap.side:7} {tap.module:32}"
        print(f"{place} {tuple(record[tap.name].shape[1:])}")


def entry_of(settings: params.Params, model: str, size: str):
    """The entry of a model at a size; UserError with what exists where there is none."""
    if model not in settings.models or size not in settings.models[model]:
        existing = ", ".join(
            f"{name} {size}" for name, all in settings.models.items() for size in all
        )
        raise UserError(
            f"There is no entry for {model} at size {size} in {params.MODELS}; there are "
            f"{existing}."
        )
    return settings.models[model][size]
