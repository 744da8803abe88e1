"""The cells of the grids scored in independent units, which live on from run to run.

A unit is one repeat of one cell on a part of the videos and keeps all their scores: no accuracy and
no interval needs a second pass, a changed grid computes its new cells alone. Clean cells are not
run: their scores are those of the stage evaluate.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.clips.store import ClipStore
from signal_perception.clips.transforms import normalise
from signal_perception.evaluate import predictions
from signal_perception.inference import networks, scorer
from signal_perception.inference.blocks import Videos
from signal_perception.inference.passes import clips_of
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.header import tensors_hash
from signal_perception.noise import forecast, grid, precision
from signal_perception.noise.corruption import loss_gradient
from signal_perception.noise.definitions import Cell
from signal_perception.noise.engine import Engine, Scored
from signal_perception.noise.grid import Plan
from signal_perception.noise.layers import layers
from signal_perception.noise.settings import Settings
from signal_perception.noise.views import clean, shown
from signal_perception.pipeline.units import Unit, finished, keep, stream
from signal_perception.statistics.accuracy import ranking
from signal_perception.vocabulary import CLIP

# What a cell's scores do not depend on: parameters, and code that plans cells or reads finished
# ones. Which videos a file is about, its name says.
NO_MATTER_OF_A_CELL = (
    "model.disturb",
    "noise.bootstrap",
    "noise.gamma",
    "noise.grids",
    "noise.listen",
    "noise.precision",
    "noise.repeats",
    "noise.worst_case",
    "data/predictions",
    "src/signal_perception/evaluate/predictions.py",
    "src/signal_perception/fourier",
    "src/signal_perception/noise/contrasts.py",
    "src/signal_perception/noise/forecast.py",
    "src/signal_perception/noise/grid.py",
    "src/signal_perception/noise/layers.py",
    "src/signal_perception/noise/listening.py",
    "src/signal_perception/noise/outcomes.py",
    "src/signal_perception/noise/precision.py",
    "src/signal_perception/noise/products.py",
    "src/signal_perception/noise/spectra.py",
    "src/signal_perception/noise/tables.py",
    "src/signal_perception/parquet.py",
    "src/signal_perception/statistics",
    "stages/noise.py",
)
# Clips at once when gradients are kept for all layers.
_LEARNT_FROM = 8


@dataclass(frozen=True)
class Inputs:
    """What the stage reads.

    clips, training: clip stores of the test and the training videos. predictions: of the stage
    evaluate.
    """

    clips: Path
    training: Path
    weights: Path
    predictions: Path


def plan_of(settings: Settings, model: str, clips: Path) -> Plan:
    """The plan of a model's grids."""
    outline = networks.outline(model, settings.model.network, len(ClipStore(clips).classes))
    return grid.plan(settings.noise, settings.model.disturb, layers(model, outline))


def parts_of(settings: Settings, clips: Path) -> list[tuple[int, ...]]:
    """Numbers of the videos of each part, in the order in which they are scored."""
    videos, asked = len(ClipStore(clips)), settings.noise.precision
    order = precision.order(videos, settings.seed, asked)
    return [tuple(order[position] for position in part) for part in precision.parts(videos, asked)]


def units(
    cells: Sequence[Cell], repeats: int, parts: Sequence[Sequence[int]], folder: Path
) -> list[Unit[Scored]]:
    """A unit per part, repeat and cell that is not clean, in this order."""
    return [
        Unit(Scored(number, cell, repeat, part), folder / _file(cell, repeat, part, videos))
        for part, videos in enumerate(parts)
        for repeat in range(repeats)
        for number, cell in enumerate(cells)
        if not cell.clean
    ]


def score_all(
    settings: Settings,
    model: str,
    plan: Plan,
    inputs: Inputs,
    *,
    work: Path,
    cache: Path,
    label: str,
) -> list[Unit[Scored]]:
    """Score every cell that `cache` does not have yet: what the answer names is finished.

    That is every unit, or with a precision those up to the part after which their cell was settled.

    work: folder for what is needed no longer than this run.
    """
    predictions.require_weights(inputs.predictions, tensors_hash(inputs.weights))
    parts, asked = parts_of(settings, inputs.clips), settings.noise.precision
    wanted = units(plan.cells, settings.noise.repeats, parts, cache)
    prepare = _Once(partial(_engine, settings, model, inputs, parts, work, cache))
    _announce(settings, plan, wanted, prepare, inputs.clips, label)
    if asked is None:
        stream(wanted, Engine.score, label=label, noun="unit", prepare=prepare)
        return wanted
    found: list[Unit[Scored]] = []
    judge = _Judge(settings, inputs, parts, asked)
    for number in range(len(parts)):
        now = [unit for unit in wanted if unit.item.part == number and judge.open(unit.item.number)]
        if now:
            title = f"{label}, part {number + 1} of {len(parts)}"
            stream(now, Engine.score, label=title, noun="unit", prepare=prepare)
            judge.look(now)
        found += now
    return found


class _Once:
    """Makes an engine once in this process; a pickled one makes its own."""

    def __init__(self, make: Callable[[], Engine]):
        self._make = make
        self._made: Engine | None = None

    def __call__(self) -> Engine:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __reduce__(self) -> tuple:
        return _Once, (self._make,)


class _Judge:
    """Which cells need more videos, by what the finished units and the clean model say."""

    def __init__(
        self, settings: Settings, inputs: Inputs, parts: Sequence[Sequence[int]], asked: float
    ):
        store = ClipStore(inputs.clips)
        self._labels, self._parts, self._asked = store.labels, parts, asked
        scores = clean(settings, inputs.predictions, store.ids)
        self._clean = [ranking(scores, store.labels).hits(k) for k in (1, 5)]
        # cell → its hits at top-1 and top-5, (2, repeats, videos)
        self._hits: dict[int, NDArray[np.float64]] = {}
        self._videos: tuple[int, ...] = ()
        self._settled: set[int] = set()

    def open(self, cell: int) -> bool:
        """Whether a cell is not settled."""
        return cell not in self._settled

    def look(self, units: Sequence[Unit[Scored]]) -> None:
        """Take the next part of all cells that are open."""
        videos = self._parts[units[0].item.part]
        self._videos += tuple(videos)
        repeats: dict[int, list[NDArray]] = {}
        for unit in units:
            with np.load(unit.result) as result:
                found = ranking(result["scores"], self._labels[list(videos)])
            repeats.setdefault(unit.item.number, []).append(
                np.stack([found.hits(1), found.hits(5)])
            )
        for number, each in repeats.items():
            before = [self._hits[number]] if number in self._hits else []
            hits = np.concatenate([*before, np.stack(each, axis=1)], axis=2)
            self._hits[number] = hits
            (hits1, hits5), (clean1, clean5) = hits, self._clean
            if precision.settled(hits1, hits5, clean1, clean5, self._videos, self._asked):
                self._settled.add(number)


def _announce(
    settings: Settings,
    plan: Plan,
    wanted: Sequence[Unit[Scored]],
    prepare: Callable[[], Engine],
    clips: Path,
    label: str,
) -> None:
    """Say on stderr what the run will cost."""
    each = shown(settings, clips)
    noise, videos, views = settings.noise, len(each), each.views
    lines = forecast.counts(plan, noise.repeats, videos, views, noise.precision)
    left = [unit.item for unit in wanted if not unit.finished]
    # a cluster's workers have other seconds, and this machine may lack what they have
    if left and "DASK_SCHEDULER_ADDRESS" not in os.environ:
        engine = prepare()
        work = forecast.work(engine, [unit.item for unit in wanted], left, views)
        lines.append(forecast.costs(work, forecast.measured(engine), noise.precision))
    for line in lines:
        print(f"{label}: {line}", file=sys.stderr, flush=True)


def _engine(
    settings: Settings,
    model: str,
    inputs: Inputs,
    parts: Sequence[Sequence[int]],
    work: Path,
    cache: Path,
) -> Engine:
    classes = len(ClipStore(inputs.clips).classes)
    loaded = scorer.load(model, settings, inputs.weights, classes)
    gradient = partial(_gradient, settings, model, loaded, inputs.training, cache)
    return Engine(
        loaded,
        model,
        settings.noise,
        settings.seed,
        shown(settings, inputs.clips),
        parts,
        gradient=gradient,
        folder=work,
    )


def _gradient(
    settings: Settings, model: str, scorer: Scorer, training: Path, cache: Path
) -> Mapping[str, torch.Tensor]:
    """Gradient of the mean loss of all training videos, one clip of each; computed once.

    Its file serves the other workers and a run that goes on: all see the same bits.
    """
    file = cache / "gradient.safetensors"
    if not finished(file):
        clips = test_clips(training, settings.model.input, seed=settings.seed)
        names = {piece.parameter for piece in registry.weights(model, scorer.model)}
        found = loss_gradient(scorer.model, sorted(names), _learnt_from(scorer, clips))
        host = {name: values.cpu().contiguous() for name, values in found.items()}
        # not by `save_file`, which would leave a file of its own where it is killed
        keep(file, lambda path: path.write_bytes(save(host)))
    return load_file(file, device=str(scorer.where))


def _learnt_from(scorer: Scorer, clips: TestClips) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Images and labels of all videos, a few at a time."""
    numbers = tuple(range(len(clips)))
    shown = clips_of(clips, [CLIP], [Videos(numbers)])
    for start in range(0, len(numbers), _LEARNT_FROM):
        videos = numbers[start : start + _LEARNT_FROM]
        pixels = torch.stack([next(shown)[1] for _ in videos]).to(scorer.where)
        labels = torch.from_numpy(clips.store.labels[list(videos)]).long().to(scorer.where)
        yield normalise(pixels, scorer.input.mean, scorer.input.std), labels


def _file(cell: Cell, repeat: int, part: int, videos: Sequence[int]) -> str:
    """All that a unit's scores depend on beside the fingerprint of its folder."""
    numbers = np.asarray(videos, "<i8").tobytes()
    chosen = f"part{part:03d}-{hashlib.sha256(numbers).hexdigest()[:8]}"
    shares = f"sigma{cell.sigma!r}-gamma{cell.gamma!r}-layers{cell.layers}of{cell.pool_layers}"
    what = f"{cell.kind}-{cell.component}-{cell.pool}"
    return f"{what}-{shares}-repeat{repeat:03d}-{chosen}.npz"
