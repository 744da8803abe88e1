"""Lists of models and of their taps."""

from typing import Any

import torch

from signal_perception.commands import output
from signal_perception.inference import networks
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline import params

_CLASSES = 400


def list_models(as_json: bool = False) -> None:
    """Print every model: its sizes, parameters, taps, components that noise can disturb."""
    settings = params.load()
    found = [
        _of_model(name, size, entry)
        for name in registry.names()
        for size, entry in settings.models.get(name, {}).items()
    ]
    without = [name for name in registry.names() if name not in settings.models]
    if as_json:
        output.as_json({"models": found, "without_entry": without})
        return
    output.table(
        "",
        ("model", "size", "parameters", "taps", "clip", "components"),
        [
            (
                each["model"],
                each["size"],
                f"{each['parameters'] / 1e6:.2f} M",
                each["taps"],
                f"{each['frames']} × {each['pixels']}²",
                ", ".join(each["components"]),
            )
            for each in found
        ],
        right=("parameters", "taps"),
    )
    for name in without:
        print(f"{name}: no entry in {params.MODELS}")


def list_taps(model: str, size: str | None, as_json: bool = False) -> None:
    """Print the taps of a model with the shape (time height width channel) of one clip's.

    size: of its entry; None: the study's.
    """
    registry.module(model)
    settings = params.load()
    size = size or settings.study.size
    entry = settings.entry(model, size)
    network = networks.outline(model, entry.network, _CLASSES).eval()
    shape = (1, 3, entry.input.frames, entry.input.size, entry.input.size)
    taps = registry.taps(model, network)
    with torch.device("meta"), capture(network, taps) as record:
        network(torch.empty(*shape))
    shapes = {tap.name: tuple(record[tap.name].shape[1:]) for tap in taps}
    if as_json:
        rows = [
            {
                "tap": tap.name,
                "kind": tap.kind,
                "block": tap.block,
                "side": tap.side,
                "module": tap.module,
                "shape": shapes[tap.name],
            }
            for tap in taps
        ]
        output.as_json({"model": model, "size": size, "taps": rows})
        return
    columns = ("tap", "kind", "block", "side", "module", "time × height × width × channel")
    output.table(
        f"{model} {size}, one clip of {entry.input.frames} frames of {entry.input.size} pixels",
        columns,
        [
            (
                *(tap.name, tap.kind, tap.block, tap.side, tap.module),
                " × ".join(map(str, shapes[tap.name])),
            )
            for tap in taps
        ],
        right=("block", columns[-1]),
    )


def _of_model(name: str, size: str, entry: Any) -> dict[str, Any]:
    model = networks.outline(name, entry.network, _CLASSES)
    return {
        "model": name,
        "size": size,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "taps": len(registry.taps(name, model)),
        "frames": entry.input.frames,
        "pixels": entry.input.size,
        "pretrained": entry.pretrained.file if entry.pretrained else None,
        "components": list(registry.components(name, model)),
    }
