"""Lists of models and of their taps."""

import torch

from signal_perception.inference import networks
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline import params

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
    entry = params.load().entry(model, size)
    network = networks.outline(model, entry.network, _CLASSES).eval()
    shape = (1, 3, entry.input.frames, entry.input.size, entry.input.size)
    with torch.device("meta"), capture(network, registry.taps(model, network)) as record:
        network(torch.empty(*shape))
    for tap in registry.taps(model, network):
        place = f"{tap.name:28} {tap.kind:14} block {tap.block:<3} {tap.side:7} {tap.module:32}"
        print(f"{place} {tuple(record[tap.name].shape[1:])}")
