"""What the models of a study are to the work of its stages: operations, taps, cells of noise.

Found on the meta device: nothing is computed. Operations are multiplications and additions of
matrix products and convolutions; attention's own products are not counted.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from signal_perception.clips.settings import Input
from signal_perception.extract import shards
from signal_perception.extract.job import chosen_taps
from signal_perception.extract.settings import Extract
from signal_perception.fourier import definitions
from signal_perception.inference.networks import outline
from signal_perception.models.core import registry
from signal_perception.models.core.settings import Network
from signal_perception.models.core.state import State
from signal_perception.models.core.taps import Tap, capture
from signal_perception.noise import grid
from signal_perception.noise.layers import layers, tapped
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import chosen_blocks
from signal_perception.noise.settings import Settings as NoiseSettings

# Any number of classes will do: the head is a small part of every model.
_CLASSES = 51


@dataclass(frozen=True)
class Sizes:
    """A model with its input.

    forward: 1e9 operations of a clip. weights: bytes. taps, channels: streams and their channels.
    """

    name: str
    network: Network
    input: Input
    forward: float
    weights: float
    taps: int
    channels: int

    def stored(self, extract: Extract, share: float) -> float:
        """Bytes of a clip in an activation store: its means, and activations of a share of all."""
        kept, means = _stored(self.name, _text(self.network), _text(self.input), _text(extract))
        return share * kept + (0.0 if extract.keep == "activations" else means)


@dataclass(frozen=True)
class Units:
    """Weight noise of a model: cells × repeats, forward passes that they cost, passes heard."""

    cells: int
    passes: float
    heard: int


def sizes(name: str, network: Network, shown: Input) -> Sizes:
    """The sizes of a model, found once."""
    return _sizes(name, _text(network), _text(shown))


@cache
def _sizes(name: str, network: str, shown: str) -> Sizes:
    entry, clip = json.loads(network), Input.model_validate_json(shown)
    model = outline(name, entry, _CLASSES).eval()
    streams = [tap for tap in registry.taps(name, model) if tap.side == "stream"]
    _, costs = operations(name, model, clip)
    channels = sum(shape[-1] for shape in shapes(clip, model, streams))
    weights = 4.0 * sum(parameter.numel() for parameter in model.parameters())
    return Sizes(name, entry, clip, sum(costs) / 1e9, weights, len(streams), channels)


@cache
def _stored(name: str, network: str, shown: str, extract: str) -> tuple[float, float]:
    """Bytes of a clip: its activations, its means."""
    asked, clip = Extract.model_validate_json(extract), Input.model_validate_json(shown)
    model = outline(name, json.loads(network), _CLASSES).eval()
    heard = shapes(clip, model, chosen_taps(asked, name, registry.taps(name, model)))
    heard.append((clip.frames, clip.size, clip.size, 3))
    kept = sum(shards.record(int(np.prod(shape)), asked.dtype) for shape in heard)
    return float(kept), float(sum(8 * (1 + 3 * _bins(shape)) for shape in heard))


def units(told: NoiseSettings, name: str) -> Units:
    """The noise of a study on a model.

    A cell begins at the first block that it disturbs; the clean states before are computed once for
    all; taps are heard in whole passes.
    """
    noise, entry = told.noise, told.model
    model = outline(name, entry.network, _CLASSES).eval()
    plan = grid.plan(noise, entry.disturb, layers(name, model))
    pieces: dict[str, Any] = dict(registry.components(name, model))
    taps = tapped(registry.taps(name, model))
    blocks, costs = operations(name, model, entry.input)
    options = Options(told.seed, noise.scale, noise.mask, noise.order)

    def first(cell: Any, repeat: int) -> int:
        of = taps if cell.kind == "activations" else pieces
        return blocks.index(chosen_blocks(of[cell.component], cell, options, repeat)[0])

    cells = [cell for cell in plan.cells if not cell.clean]
    firsts = [first(cell, repeat) for cell in cells for repeat in range(noise.repeats)]
    after = sum(sum(costs[each:]) for each in firsts) + sum(costs[: max(firsts, default=0)])
    heard = {place.cell for place in grid.listened(noise, plan)}
    clean = 1 if heard else 0
    return Units(len(firsts), after / sum(costs), clean + len(heard) * noise.repeats)


def operations(name: str, model: nn.Module, shown: Input) -> tuple[list[int | None], list[float]]:
    """Block and operations of each step of a forward pass of a clip."""
    blocks, costs = [], []
    state: State = torch.empty(1, 3, shown.frames, shown.size, shown.size, device="meta")
    for step in registry.segments(name, model):
        with FlopCounterMode(display=False) as counter:
            state = step.run(state)
        blocks.append(step.block)
        costs.append(float(counter.get_total_flops()))
    return blocks, costs


def shapes(shown: Input, model: nn.Module, taps: Sequence[Tap]) -> list[tuple[int, ...]]:
    """(t h w c) of what each tap says of a clip."""
    with torch.device("meta"), capture(model.eval(), taps) as record:
        model(torch.empty(1, 3, shown.frames, shown.size, shown.size))
    return [tuple(value.shape[1:]) for value in record.values()]


def _bins(shape: tuple[int, ...]) -> int:
    return sum(definitions.bins(name, *shape[:3]) for name in definitions.TRANSFORMS)


def _text(part: Any) -> str:
    return part.model_dump_json() if hasattr(part, "model_dump_json") else json.dumps(part)
