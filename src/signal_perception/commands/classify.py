"""Single videos through a model with weights from a file.

The quickest way to see whether weights, decoding and cropping agree; made of the same parts as the
study.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signal_perception.clips.sampling import test_indices
from signal_perception.clips.settings import Input, Views
from signal_perception.clips.transforms import test_views
from signal_perception.clips.views import views_of
from signal_perception.decode.video import decode
from signal_perception.inference import fusion, scorer
from signal_perception.inference.settings import Arithmetic
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError


def classify(
    videos: Sequence[Path], model: str, weights: Path, labels: Path, size: str, top: int
) -> None:
    """Print the `top` best classes of each video, or why there is nothing to classify."""
    settings = params.load()
    entry = settings.entry(model, size)
    if not labels.is_file():
        raise UserError(f"There is no file of labels {labels}; give one class name per line.")
    lines = labels.read_text(encoding="utf-8").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    for path, scores in probabilities(settings, entry, model, weights, videos, len(names)):
        if isinstance(scores, str):
            print(f"{path}: {scores}")
            continue
        best = np.argsort(-scores, kind="stable")[:top]
        print(f"{path}: " + ", ".join(f"{names[index]} {scores[index]:.3f}" for index in best))


@dataclass(frozen=True)
class _Settings:
    """The study's settings with one entry for a model."""

    params: params.Params
    model: Any

    @property
    def cpu_threads(self) -> int | None:
        return self.params.cpu_threads

    @property
    def finetune(self) -> Arithmetic:
        return self.params.finetune


def probabilities(
    settings: params.Params,
    entry: Any,
    model: str,
    weights: Path,
    videos: Sequence[Path],
    classes: int,
) -> Iterator[tuple[Path, np.ndarray | str]]:
    """For each video its class probabilities (classes,), or the verdict of decoding."""
    loaded = scorer.load(model, _Settings(settings, entry), weights, classes)
    for path in videos:
        decoded = decode(
            path,
            short_side=settings.decode.short_side,
            max_frames=settings.decode.max_frames,
        )
        if not decoded.frames:
            yield path, decoded.verdict
            continue
        asked = views_of(settings.views, entry.protocol)
        views = _views(np.stack(decoded.frames), decoded.fps, entry.input, asked)
        scores = fusion.fuse(loaded.logits(views)[None], entry.input.fusion)
        yield path, fusion.probabilities(scores)[0]


def _views(frames: np.ndarray, fps: float, input: Input, views: Views) -> torch.Tensor:
    """The test views of one video, uint8 (views t s s c)."""
    clips = test_indices(input.sampling, len(frames), fps, input.frames, input.stride, views.clips)
    return torch.cat(
        [
            test_views(
                frames[indices],
                input.sampling,
                input.size,
                input.resize or input.size,
                views.crops,
            )
            for indices in clips
        ]
    )
