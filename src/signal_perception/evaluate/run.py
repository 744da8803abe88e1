"""The test set scored in independent units: some videos as they are and under every control."""

from functools import partial
from pathlib import Path

import numpy as np

from signal_perception.clips.datasets import test_clips
from signal_perception.clips.store import ClipStore
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.ahead import read_ahead
from signal_perception.inference.scorer import Scorer, fuse
from signal_perception.inference.shards import Videos, inputs, shards
from signal_perception.pipeline.units import Unit

_VIDEOS_PER_UNIT = 32


def units(clips: Path, folder: Path) -> list[Unit[Videos]]:
    """All videos, in order."""
    every = shards(len(ClipStore(clips)), _VIDEOS_PER_UNIT)
    return [Unit(videos, folder / f"{videos.start:06d}.npz") for videos in every]


def score(settings: Settings, clips: Path, scorer: Scorer, videos: Videos, path: Path) -> None:
    """Score the videos of one unit; its file holds, by input, float32 (videos, classes)."""
    views, names = settings.views, inputs(settings.views.controls)
    shown = test_clips(
        clips,
        settings.model.input,
        seed=settings.seed,
        clips=views.clips,
        crops=views.crops,
    )
    scores: dict[str, list[np.ndarray]] = {name: [] for name in names}
    read = partial(shown.inputs, names=names)
    for video in read_ahead(read, range(videos.start, videos.stop)):
        for name, found in video.items():
            scores[name].append(fuse(scorer.logits(found)[None], settings.model.input.fusion))
    with path.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            **{name: np.concatenate(parts).astype(np.float32) for name, parts in scores.items()},
        )
