"""A training run, step by step; a killed one continues after the last step that it kept."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from signal_perception.clips import datasets
from signal_perception.clips.augment import Augment
from signal_perception.clips.datasets import TestClips, TrainClips
from signal_perception.clips.held import HeldStore, budget
from signal_perception.clips.order import Step, epoch, steps_of
from signal_perception.clips.settings import Input
from signal_perception.finetune import kept, speed, validation
from signal_perception.finetune.processes import Processes
from signal_perception.finetune.settings import Recipe, Settings
from signal_perception.finetune.trainer import Batch, Sums, Trainer
from signal_perception.inference import described, networks
from signal_perception.inference.ahead import read_ahead
from signal_perception.inference.device import threads_to_read
from signal_perception.models.core import registry
from signal_perception.pipeline import workers
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.progress import Progress
from signal_perception.pipeline.units import write_atomically
from signal_perception.seeding import generator

# More processes that load do not make training faster, and they are begun anew in every epoch.
_MOST_LOADERS = 8
# The state of a run is kept after every epoch, and within one after so many seconds.
_SECONDS_BETWEEN_STATES = 300.0
# Training videos on which top-1 is measured where clips are mixed.
_SAMPLE = 256
# Clips that are scored at a time.
_SCORED = 16


@dataclass(frozen=True)
class Files:
    """What a run reads and writes.

    clips: the clip store. state: of a run that is killed. start, weights: before the first step,
    see `networks.fresh`, and after the last. curve: a row per epoch, complete at any time. log: of
    speed, which no result depends on, see `speed`.
    """

    clips: Path
    state: Path
    start: Path
    weights: Path
    curve: Path
    log: Path


def finetune(
    settings: Settings,
    dataset: str,
    model: str,
    seed: int,
    files: Files,
    processes: Processes | None = None,
) -> pd.DataFrame:
    """Train a model on the clips of a store, write its weights, and answer with its curve.

    seed: what all draws of the run derive from.

    A row per epoch: `epoch`, from 0; `lr` of the last step; `loss`, mean over the clips as they
    were trained on; `top1` (percent) of the same clips, or, where clips are mixed, after the epoch
    of up to 256 training videos as they are; with a validation split, after the epoch,
    `validation_loss` and `validation_top1` of its videos (one view each).
    """
    return _Run(settings, dataset, model, seed, files, processes or Processes()).through()


class _Run:
    def __init__(
        self,
        settings: Settings,
        dataset: str,
        model: str,
        seed: int,
        files: Files,
        processes: Processes,
    ):
        entry, self._recipe = settings.model, settings.model.recipe
        self._files, self._processes, self._seed = files, processes, seed
        self._name, self._label = f"{dataset}/{model}", f"finetune {dataset} {model} {seed}"
        # videos that fit in memory are decoded once
        store = HeldStore(files.clips, budget() // processes.here)
        parts = validation.split(
            store.labels.tolist(),
            store.groups,
            self._recipe.validation,
            seed=seed,
            dataset=dataset,
        )
        self._clips = TrainClips(
            store,
            entry.input,
            augment=augment(self._recipe, entry.input, flip=settings.dataset.flip),
            seed=seed,
            videos=parts.train,
        )
        self._views = TestClips(store, entry.input)
        self._validation, self._sample = parts.validation, self._unmixed(parts.train)
        network = networks.fresh(
            model,
            entry.network,
            classes=len(store.classes),
            pretrained=entry.pretrained,
            seed=seed,
            dataset=dataset,
            threads=settings.cpu_threads,
        )
        self._says = partial(described.say, model, entry, store.classes, dataset, seed)
        if processes.first:
            described.save(network, files.start, self._says(trained=False))
        self._steps = steps_of(len(self._clips), self._recipe.samples, self._recipe.batch)
        self._trainer = _trainer(
            settings,
            model,
            network,
            self._name,
            seed,
            classes=len(store.classes),
            steps=self._steps,
            processes=processes,
        )
        self._speed = speed.Speed(files.log if processes.first else None)
        # what was done, with the first step that was not
        self._rows: list[dict[str, float]] = []
        self._next = 0

    def through(self) -> pd.DataFrame:
        """All steps that are left."""
        self._resume()
        total = self._steps * self._recipe.epochs
        speaks = (
            Progress(total, self._label, "step", done=self._next) if self._processes.first else None
        )
        with speaks or nullcontext():
            while self._next < total:
                self._epoch(speaks)
        if self._processes.first:
            described.save(self._trainer.model, self._files.weights, self._says(trained=True))
        return pd.DataFrame(self._rows)

    def _epoch(self, progress: Progress | None) -> None:
        """The steps of an epoch from the next one on, and its row."""
        number, begun = divmod(self._next, self._steps)
        self._clips.set_epoch(number)
        steps = list(self._planned())[begun:]
        pieces = [piece.items for step in steps for piece in step.pieces]
        loaders = max(0, min(workers.count() // self._processes.here - 1, _MOST_LOADERS))
        batches = iter(datasets.loader(self._clips, pieces, loaders))
        self._speed.begin(self._trainer.where)
        for step in steps:
            self._trainer.step(step, batches)
            self._next = step.number + 1
            self._speed.count(step.clips)
            if self._next % self._steps and self._speed.since_state() > _SECONDS_BETWEEN_STATES:
                self._keep()
            if progress:
                progress.advance(note=_note(self._rows))
        self._speed.end(number, self._trainer.where)
        self._rows.append(self._row(number))
        self._keep()
        self._write_curve()

    def _planned(self) -> Iterator[Step]:
        return epoch(
            datasets.epoch_order(self._clips),
            self._clips.epoch * self._steps,
            samples=self._recipe.samples,
            batch=self._recipe.batch,
            together=self._trainer.together,
            process=self._processes.rank,
            processes=self._processes.count,
        )

    def _row(self, number: int) -> dict[str, float]:
        rate, seen = self._trainer.rate, self._trainer.sums()
        own = self._score(self._sample) if self._sample else seen
        row = {"epoch": number, "lr": rate, "loss": seen.loss / seen.clips, "top1": _percent(own)}
        if self._validation:
            held_out = self._score(self._validation)
            row["validation_loss"] = held_out.loss / held_out.clips
            row["validation_top1"] = _percent(held_out)
        return row

    def _score(self, videos: Sequence[int]) -> Sums:
        """The model as it is on one view of each video; each process takes its share."""
        own = videos[self._processes.rank :: self._processes.count]
        return self._trainer.score(self._viewed(own))

    def _viewed(self, videos: Sequence[int]) -> Iterator[Batch]:
        threads = max(1, threads_to_read() // self._processes.here)
        shown = read_ahead(self._views.__getitem__, videos, threads=threads, ahead=threads + 2)
        while waiting := list(islice(shown, _SCORED)):
            yield _stacked(waiting)

    def _unmixed(self, videos: Sequence[int]) -> Sequence[int]:
        """Videos whose top-1 is measured where that of the training clips is not defined."""
        if not (self._recipe.mixup or self._recipe.cutmix):
            return ()
        order = generator(self._seed, "sample", self._name).permutation(len(videos))
        return tuple(np.array(videos)[np.sort(order[:_SAMPLE])].tolist())

    def _resume(self) -> None:
        state = kept.read(self._files.state, self._label, speaks=self._processes.first)
        if state is not None:
            self._rows, self._next = state["rows"], state["next"]
            self._trainer.restore(state["trainer"])
        if not self._processes.agree(self._next):
            raise UserError(
                f"The processes that train {self._name} do not find the same state of it in "
                f"{self._files.state.parent}; run them in one folder that all machines share."
            )
        # DVC removes what a killed stage had written
        self._write_curve()

    def _write_curve(self) -> None:
        if self._processes.first and self._rows:
            table = pd.DataFrame(self._rows)
            write_atomically(self._files.curve, lambda path: table.to_csv(path, index=False))

    def _keep(self) -> None:
        """Keep the state of the run, as it is after the last step."""
        if self._processes.first:
            state = {"rows": self._rows, "next": self._next, "trainer": self._trainer.state()}
            kept.keep(state, self._files.state)
        self._speed.state_kept()


def augment(recipe: Recipe, input: Input, *, flip: bool) -> Augment:
    """The random views of a recipe. flip: whether half of the clips are mirrored."""
    return Augment(
        recipe.crop_area,
        recipe.crop_aspect,
        flip=flip,
        randaugment=recipe.randaugment,
        colour_jitter=recipe.colour_jitter,
        erasing=recipe.erasing,
        mean=input.mean,
        std=input.std,
    )


def _trainer(
    settings: Settings,
    model: str,
    network: nn.Module,
    run: str,
    seed: int,
    *,
    classes: int,
    steps: int,
    processes: Processes,
) -> Trainer:
    """A trainer of a fresh network before its first epoch of `steps` steps."""
    entry = settings.model
    return Trainer(
        network,
        entry.recipe,
        input=entry.input,
        classes=classes,
        steps=steps,
        precision=settings.finetune.precision,
        seed=seed,
        run=run,
        segments=registry.segments(model, network),
        processes=processes,
    )


def _stacked(waiting: Sequence[tuple[torch.Tensor, int]]) -> Batch:
    """Items with one view each as a batch."""
    views, labels = zip(*waiting, strict=True)
    return torch.cat(views), torch.tensor(labels)


def _percent(sums: Sums) -> float:
    return 100 * sums.correct / sums.clips


def _note(rows: Sequence[dict[str, float]]) -> str:
    """What the last epoch came to, for the bar."""
    if not rows:
        return ""
    loss, top1 = f"loss {rows[-1]['loss']:.3f}", rows[-1]["top1"]
    return f"{loss}, top-1 {top1:.1f} %"
