"""The test set scored in independent units: some videos under one control."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signal_perception.clips.datasets import test_clips
from signal_perception.clips.store import ClipStore
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.scorer import Scorer, fuse
from signal_perception.pipeline.units import Unit
from signal_perception.vocabulary import CLIP

_VIDEOS_PER_UNIT = 32


@dataclass(frozen=True)
class Videos:
    """Videos start … stop−1 of the test split under one control."""

    control: str
    start: int
    stop: int


def units(clips: Path, controls: Sequence[str], folder: Path) -> list[Unit[Videos]]:
    """All videos as they are, then under each control."""
    count = len(ClipStore(clips))
    starts = range(0, count, _VIDEOS_PER_UNIT)
    return [
        Unit(
            Videos(control, start, min(start + _VIDEOS_PER_UNIT, count)),
            folder / f"{control}-{start:06d}.npy",
        )
        for control in (CLIP, *controls)
        for start in starts
    ]


def score(settings: Settings, clips: Path, scorer: Scorer, videos: Videos, path: Path) -> None:
    """Score the videos of one unit: fused scores float32 (videos, classes) go to its file."""
    shown = test_clips(
        clips,
        settings.model.input,
        seed=settings.seed,
        clips=settings.views.clips,
        crops=settings.views.crops,
        control=videos.control,
    )
    scores = [
        fuse(scorer.logits(shown[video][0])[None], settings.model.input.fusion)
        for video in range(videos.start, videos.stop)
    ]
    with path.open("wb") as file:
        np.save(file, np.concatenate(scores).astype(np.float32))
