"""One shard of activations under every input: clips per second, and where the time goes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu import timing
from benchmarks.gpu.board import Board
from benchmarks.gpu.subjects import Subject
from signal_perception.clips.datasets import TestClips
from signal_perception.clips.transforms import normalise
from signal_perception.extract import run, store
from signal_perception.extract.settings import Model, Settings
from signal_perception.inference import device
from signal_perception.inference.scorer import Scorer
from signal_perception.inference.shards import Videos, inputs
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Params
from signal_perception.pipeline.units import Unit
from signal_perception.vocabulary import CLIP

_CLIPS = 16


def extraction(board: Board, subject: Subject, study: Params, clips: Path) -> None:
    """Extract the second shard of a clip store, after the first has warmed everything up."""
    if not clips.is_dir():
        raise UserError(f"There are no clips at {clips}; run the study's stage decode first.")
    settings = _settings(subject, study)
    scorer = Scorer(subject.network(), subject.entry.input, "float32", subject.where)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target, weights = folder / "activations.zarr", folder / "weights"
        # random weights have no file; the store only wants one to name
        weights.touch()
        run.create(settings, subject.name, clips, weights, scorer, target)
        (folder / "done").mkdir()
        warm, shard = run.units(clips, settings.extract, folder)[:2]

        def extract(unit: Unit[Videos]) -> None:
            run.extract(settings, subject.name, clips, target, scorer, unit.item, unit.result)

        extract(warm)
        with (
            timing.timed(TestClips, "inputs") as read,
            timing.timed(store, "write") as written,
        ):
            total = timing.once(lambda: extract(shard), subject.where)
        passes = len(inputs(settings.extract.controls))
        forward = passes * _forward(subject, scorer, settings.extract.sides)
        # reading is ahead of the model, writing behind it: these do not add up to the total
        parts = {
            "read and resize the clips": sum(read),
            "forward passes with taps": forward,
            "compress and write": sum(written),
        }
        on_disk = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
        arrays = [
            store.ActivationStore(target).array(CLIP, tap.tap)
            for tap in store.ActivationStore(target).taps()
        ]
    for part, seconds in parts.items():
        board.add("extraction", part=part, seconds=seconds, share=seconds / total)
    values = sum(np.prod(array.shape[1:]) * array.dtype.itemsize for array in arrays)
    board.add(
        "extraction",
        part="all",
        seconds=total,
        clips_per_second=passes * _CLIPS / total,
        mb_per_clip=float(values) / 1e6,
        mb_per_clip_on_disk=on_disk / 2 / passes / _CLIPS / 1e6,
    )


def _forward(subject: Subject, scorer: Scorer, sides: Sequence[str]) -> float:
    """Seconds of the shard's forward passes, taps recorded and left on the device."""
    pixels, wanted = subject.pixels(_CLIPS), subject.entry.input
    taps = [tap for tap in registry.taps(subject.name, scorer.model) if tap.side in sides]

    @torch.inference_mode()
    def forward() -> None:
        with capture(scorer.model, taps):
            for batch in pixels.split(device.clips_at_once()):
                scorer.model(normalise(batch.to(subject.where), wanted.mean, wanted.std))

    return timing.seconds(forward, subject.where, 2)


def _settings(subject: Subject, study: Params) -> Settings:
    """The stage's settings for this model and size: one clip per video."""
    return Settings(
        seed=study.seed,
        cpu_threads=study.cpu_threads,
        finetune=study.finetune,
        extract=study.extract.model_copy(update={"shard": _CLIPS, "clips": 1}),
        model=Model(network=dict(subject.entry.network), input=subject.entry.input),
    )
