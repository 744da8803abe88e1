"""From clips to features: one pass of a model over a centre clip of each video of both splits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.features import store as stores
from signal_perception.features.settings import Settings
from signal_perception.features.store import Index
from signal_perception.inference import described, networks
from signal_perception.inference.blocks import Videos, blocks
from signal_perception.inference.passes import Pass
from signal_perception.inference.rows import Rows
from signal_perception.inference.scorer import Scorer, load
from signal_perception.models.core import registry
from signal_perception.models.core.header import tensors_hash
from signal_perception.models.core.taps import Tap
from signal_perception.pipeline.units import Unit, Write, stream
from signal_perception.vocabulary import CLIP


@dataclass(frozen=True)
class Both:
    """The videos of both splits under one row of numbers, training videos first."""

    training: TestClips
    test: TestClips

    def __len__(self) -> int:
        return len(self.training) + len(self.test)

    def inputs(self, video: int, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        """See `passes.Shown`."""
        first = len(self.training)
        if video < first:
            return self.training.inputs(video, names)
        return self.test.inputs(video - first, names)


@dataclass(frozen=True)
class Job:
    """A model with its weights, the clip stores, and where work lies."""

    settings: Settings
    model: str
    training: Path
    test: Path
    weights: Path
    folder: Path

    @cached_property
    def shown(self) -> Both:
        # without controls nothing is drawn, so any seed will do
        look = partial(test_clips, input=self.settings.model.input, seed=0)
        return Both(look(self.training), look(self.test))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return self.shown.test.store.classes

    @cached_property
    def taps(self) -> list[Tap]:
        """The residual stream after every sub-layer, in execution order."""
        outline = networks.outline(self.model, self.settings.model.network, len(self.classes))
        return [tap for tap in registry.taps(self.model, outline) if tap.side == "stream"]

    def load(self) -> Scorer:
        """The model; of weights for other classes all but the head, which no tap hears."""
        return load(self.model, self.settings, self.weights, len(self.classes))


def features(job: Job, label: str, path: Path) -> None:
    """Write the features of every video to `path`; finished blocks are not run again."""
    units = [
        Unit(block, job.folder / "blocks" / f"{block.name}.npz")
        for block in blocks(range(len(job.shown)))
    ]
    stream(units, partial(_blocks, job), label=label, noun="block", prepare=job.load)
    stores.write(path, _index(job), _columns(job, units))


def _blocks(
    job: Job,
    scorer: Scorer,
    videos: Sequence[Videos],
    done: Callable[[Videos, Write], None],
) -> None:
    """Run blocks of videos; see `units.stream`."""
    channels: dict[str, int] = {}

    def means(name: str, values: torch.Tensor) -> torch.Tensor:
        channels[name] = values.shape[-1]
        return values.mean((1, 2, 3))

    rows = Rows([tap.name for tap in job.taps], means)

    def finish(block: Videos) -> None:
        (found,) = rows.take(block, inputs=1, views=1)
        parts = np.split(found, np.cumsum([channels[tap.name] for tap in job.taps])[:-1], axis=1)
        done(block, partial(_save, {tap.name: part for tap, part in zip(job.taps, parts)}))

    Pass(scorer, job.shown, (CLIP,)).run(videos, job.taps, [rows], finish)


def _save(features: dict[str, np.ndarray], path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **features)


def _columns(job: Job, units: Sequence[Unit[Videos]]) -> Iterator[NDArray]:
    """The features of each tap (videos, channels), one tap in memory at a time."""
    for tap in job.taps:
        parts = []
        for unit in units:
            with np.load(unit.result) as block:
                parts.append(block[tap.name])
        yield np.concatenate(parts)


def _index(job: Job) -> Index:
    splits = (job.shown.training.store, job.shown.test.store)
    return Index(
        ids=tuple(video for split in splits for video in split.ids),
        groups=tuple(group for split in splits for group in split.groups),
        labels=tuple(split.classes[label] for split in splits for label in split.labels),
        training=len(splits[0]),
        classes=job.classes,
        taps=tuple(tap.name for tap in job.taps),
        kinds=tuple(tap.kind for tap in job.taps),
        blocks=tuple(tap.block for tap in job.taps),
        weights_sha256=tensors_hash(job.weights),
        weights=described.whose(job.weights),
    )
