"""A training run, epoch by epoch; a killed one continues after its last complete epoch."""

import math
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from signal_perception.clips.augment import Augment
from signal_perception.clips.datasets import loader, train_clips
from signal_perception.finetune.settings import Settings
from signal_perception.finetune.trainer import Trainer
from signal_perception.inference import networks
from signal_perception.models.core import checkpoints
from signal_perception.pipeline import workers
from signal_perception.pipeline.progress import Progress
from signal_perception.pipeline.units import write_atomically

# More processes that load do not make training faster, and they are begun anew in every epoch.
_MOST_LOADERS = 8


def finetune(
    settings: Settings,
    dataset: str,
    model: str,
    *,
    clips: Path,
    checkpoint: Path,
    start: Path,
    weights: Path,
) -> pd.DataFrame:
    """Train a model on the clips of a store, write its weights, and answer with its curve.

    The curve has a row per epoch, see `trainer.Epoch`.

    Parameters
    ----------
    clips: the clip store.
    checkpoint: where the state after each epoch is kept, for a run that is killed.
    start: where the weights before the first step go, see `networks.fresh`.
    weights: where those after the last one go.
    """
    entry, recipe = settings.model, settings.model.recipe
    shown = train_clips(clips, entry.input, augment=_augment(settings), seed=settings.seed)
    classes = len(shown.store.classes)
    batches = loader(shown, recipe.batch, min(workers.count() - 1, _MOST_LOADERS))
    network = networks.fresh(
        model,
        entry.network,
        classes=classes,
        pretrained=entry.pretrained,
        seed=settings.seed,
        dataset=dataset,
        threads=settings.cpu_threads,
    )
    checkpoints.save(network, start)
    trainer = _trainer(settings, network, f"{dataset}/{model}", classes, len(batches))
    rows: list[dict] = []
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        rows = state["rows"]
        trainer.restore(state["trainer"])
    label = f"finetune {dataset} {model}"
    with Progress(recipe.epochs, label, "epoch", done=len(rows)) as progress:
        for number in range(len(rows), recipe.epochs):
            shown.set_epoch(number)
            rows.append(asdict(trainer.epoch(number, batches)))
            state = {"rows": rows, "trainer": trainer.state()}
            write_atomically(checkpoint, lambda path, state=state: torch.save(state, path))
            progress.advance(note=_note(rows[-1]))
    checkpoints.save(trainer.model, weights)
    return pd.DataFrame(rows)


def _augment(settings: Settings) -> Augment:
    entry, recipe = settings.model, settings.model.recipe
    return Augment(
        recipe.crop_area,
        recipe.crop_aspect,
        flip=settings.dataset.flip,
        randaugment=recipe.randaugment,
        colour_jitter=recipe.colour_jitter,
        erasing=recipe.erasing,
        mean=entry.input.mean,
        std=entry.input.std,
    )


def _trainer(settings: Settings, network: nn.Module, run: str, classes: int, steps: int) -> Trainer:
    """A trainer of a fresh network before its first epoch of `steps` steps."""
    entry = settings.model
    return Trainer(
        network,
        entry.recipe,
        mean=entry.input.mean,
        std=entry.input.std,
        classes=classes,
        steps=steps,
        precision=settings.finetune.precision,
        seed=settings.seed,
        run=run,
    )


def _note(row: dict) -> str:
    loss = f"loss {row['loss']:.3f}"
    return loss if math.isnan(row["top1"]) else f"{loss}, top-1 {row['top1']:.1f} %"
