"""The test set scored in blocks: some videos as they are and under every control."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips.datasets import test_clips
from signal_perception.clips.store import ClipStore
from signal_perception.clips.views import views_of
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.blocks import Videos, blocks, inputs
from signal_perception.inference.passes import LOGITS, Pass
from signal_perception.inference.rows import Rows
from signal_perception.inference.scorer import Scorer
from signal_perception.pipeline.units import Unit, Write


def units(clips: Path, folder: Path) -> list[Unit[Videos]]:
    """All videos, in order."""
    every = blocks(range(len(ClipStore(clips))))
    return [Unit(videos, folder / f"{videos.name}.npz") for videos in every]


def score(
    settings: Settings,
    clips: Path,
    scorer: Scorer,
    videos: Sequence[Videos],
    done: Callable[[Videos, Write], None],
) -> None:
    """Score blocks of videos; the file of each holds, by input, logits (videos, views, classes).

    They are float32, of every view.
    """
    names = inputs(settings.views.controls)
    input = settings.model.input
    views = views_of(settings.views, settings.model.protocol)
    shown = test_clips(clips, input, seed=settings.seed, clips=views.clips, crops=views.crops)
    logits = Rows([LOGITS], _as_they_are)

    def finish(block: Videos) -> None:
        found = logits.take(block, len(names), shown.views)
        parts = found.reshape(len(names), -1, shown.views, found.shape[-1])
        done(block, partial(_save, dict(zip(names, parts, strict=True))))

    Pass(scorer, shown, names).run(videos, [], [logits], finish)


def _as_they_are(_name: str, values: torch.Tensor) -> torch.Tensor:
    return values


def _save(logits: dict[str, np.ndarray], path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **logits)
