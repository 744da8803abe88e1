"""The poster's study on paper: disk and hours of every stage, from rates measured on one GPU.

    python -m benchmarks poster

Counts come from the preset and the models' own shapes; the rates are those of README, "On a GPU"
(one H100, bfloat16, forward at batch 16, training at batch 8). Not measured, so assumed: extraction
at 1.1 times the forward pass, the goal; loading, reading and writing beside the model, hidden by
it. Cells of noise are counted from whole blocks on, without attention's own products. Eight GPUs
run whole stages of different models and data sets side by side.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from signal_perception.clips.settings import Input
from signal_perception.clips.views import views_of
from signal_perception.commands.use import use
from signal_perception.extract import shards
from signal_perception.extract.job import chosen_taps
from signal_perception.fourier import definitions
from signal_perception.inference import networks
from signal_perception.inference.blocks import inputs
from signal_perception.models.core import registry
from signal_perception.models.core.state import State
from signal_perception.models.core.taps import Tap, capture
from signal_perception.noise import grid
from signal_perception.noise.layers import layers
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import chosen_blocks
from signal_perception.pipeline import params

# Clips per second: forward, training.
RATES = {
    "i3d": (505, 179),
    "timesformer_divided": (484, 111),
    "timesformer_joint": (862, 197),
    "videomae_v1": (815, 180),
    "videomae_v2": (764, 172),
    "uniformer_v1": (235, 48),
    "uniformer_v2": (688, 152),
    "swin": (239, 36),
}
# Split 1: training videos, test videos, classes.
VIDEOS = {"hmdb51": (3570, 1530, 51), "ucf101": (9537, 3783, 101)}
_EXTRACTION = 1.1
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """A stage of one data set and model: seconds of a GPU, bytes that stay on disk."""

    stage: str
    seconds: float
    size: float


def measure() -> Iterator[str]:
    """The table, a line at a time."""
    settings = _poster()
    costs = [
        cost
        for dataset in settings.study.datasets
        for model in settings.study.models
        for _ in settings.study.seeds
        for cost in _costs(settings, dataset, model)
    ]
    yield "| Stage | GB | hours, one GPU | hours, eight |"
    yield "|---|---|---|---|"
    stages = list(dict.fromkeys(cost.stage for cost in costs))
    for stage in stages:
        own = [cost for cost in costs if cost.stage == stage]
        yield _row(stage, own)
    yield _row("all", costs)


def _poster() -> params.Params:
    """The parameters with the poster's preset, which leaves the project's own as they are."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("params.yaml", "dvc.yaml"):
            shutil.copy(_ROOT / name, root / name)
        for name in ("params", "presets"):
            shutil.copytree(_ROOT / name, root / name)
        use(root / "presets/poster.yaml", root)
        return params.load(root)


def _costs(settings: params.Params, dataset: str, model: str) -> Iterator[Cost]:
    train, test, classes = VIDEOS[dataset]
    forward, training = RATES[model]
    entry = settings.model(model, dataset)
    network = networks.outline(model, entry.network, classes)
    weights = 4 * sum(parameter.numel() for parameter in network.parameters())
    views = views_of(settings.views, entry.protocol)
    each, shown = views.clips * views.crops, len(inputs(settings.views.controls))
    yield Cost(
        "finetune", train * entry.recipe.epochs * entry.recipe.samples / training, 2 * weights
    )
    # logits of every view, and the scores fused of them
    size = test * (each + 1) * shown * 4 * classes
    yield Cost("evaluate", test * each * shown / forward, size)
    extract = settings.extract
    clips = test * extract.clips * len(inputs(extract.controls))
    whose = len(settings.study.weights)
    # of other weights than the data set's own means alone are kept
    own = _store(settings, model, clips, classes * extract.per_class / test)
    size = own + (whose - 1) * _store(settings, model, clips, 0)
    yield Cost("extract", whose * _EXTRACTION * clips / forward, size)
    streams = [tap for tap in registry.taps(model, network) if tap.side == "stream"]
    channels = sum(shape[-1] for shape in _shapes(entry.input, network, streams))
    yield Cost("features", whose * (train + test) / forward, whose * (train + test) * 4 * channels)
    units, share = _noise(settings, model, network)
    scored = test * (each if settings.noise.views == "all" else 1)
    yield Cost("noise", units * share * scored / forward, units * test * 4 * classes)


def _noise(settings: params.Params, model: str, network: nn.Module) -> tuple[int, float]:
    """Units of the grids and of the taps that are heard; the share of a forward pass of each.

    In operations: a cell begins at the first block that it disturbs, the clean states before are
    computed once for all, taps are heard in whole passes.
    """
    noise, entry = settings.noise, settings.model(model)
    plan = grid.plan(noise, entry.disturb, layers(model, network))
    components = registry.components(model, network)
    blocks, costs = _operations(model, network, entry.input)
    options = Options(settings.seed, noise.scale, noise.mask, noise.order)
    firsts = [
        blocks.index(chosen_blocks(components[cell.component], cell, options, repeat)[0])
        for cell in plan.cells
        if not cell.clean
        for repeat in range(noise.repeats)
    ]
    heard = len(grid.listened(noise, plan)) * noise.repeats
    work = sum(sum(costs[first:]) for first in firsts) + sum(costs[: max(firsts)])
    units = len(firsts) + heard
    return units, (work / sum(costs) + heard) / units


def _operations(
    model: str, network: nn.Module, asked: Input
) -> tuple[list[int | None], list[float]]:
    """Block and operations of each step of a forward pass; attention itself is not counted."""
    blocks, costs = [], []
    state: State = torch.empty(1, 3, asked.frames, asked.size, asked.size, device="meta")
    for step in registry.segments(model, network.eval()):
        with FlopCounterMode(display=False) as counter:
            state = step.run(state)
        blocks.append(step.block)
        costs.append(float(counter.get_total_flops()))
    return blocks, costs


def _store(settings: params.Params, model: str, clips: int, share: float) -> float:
    """Bytes of an activation store: means of all clips, activations of a share of them."""
    entry = settings.model(model)
    network = networks.outline(model, entry.network, 400).eval()
    taps = chosen_taps(settings.extract, model, registry.taps(model, network))
    shapes = _shapes(entry.input, network, taps)
    shapes.append((entry.input.frames, entry.input.size, entry.input.size, 3))
    kept = sum(shards.record(int(np.prod(shape)), settings.extract.dtype) for shape in shapes)
    means = sum(
        8 * (1 + 3 * sum(definitions.bins(name, *shape[:3]) for name in definitions.TRANSFORMS))
        for shape in shapes
    )
    return clips * (share * kept + means)


def _shapes(asked: Input, network: nn.Module, taps: Sequence[Tap]) -> list[tuple[int, ...]]:
    """(t h w c) of what each tap says of a clip."""
    with torch.device("meta"), capture(network.eval(), taps) as record:
        network(torch.empty(1, 3, asked.frames, asked.size, asked.size))
    return [tuple(value.shape[1:]) for value in record.values()]


def _row(stage: str, costs: list[Cost]) -> str:
    size = sum(cost.size for cost in costs) / 1e9
    alone = sum(cost.seconds for cost in costs) / 3600
    return f"| {stage} | {size:.3g} | {alone:.3g} | {_eight(costs) / 3600:.3g} |"


def _eight(costs: list[Cost]) -> float:
    """Seconds on eight GPUs, longest stages first; the stages of one kind wait for no other."""
    busy = [0.0] * 8
    for cost in sorted(costs, key=lambda cost: -cost.seconds):
        least = busy.index(min(busy))
        busy[least] += cost.seconds
    return max(busy)
