"""A trained model ready to run, the logits of clips, and one score for all views of a video."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp
from torch import nn

from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.inference import networks
from signal_perception.inference.batch import Batch
from signal_perception.inference.device import arithmetic, device
from signal_perception.inference.settings import ModelSettings


@dataclass(frozen=True)
class Scorer:
    """A trained model in evaluation mode on its device, and how its input is made.

    batch: how many clips it takes at once.
    """

    model: nn.Module
    input: Input
    precision: str
    where: torch.device
    batch: Batch = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch", Batch(self.where))

    def filled(self, clips: torch.Tensor) -> torch.Tensor:
        """Clips uint8 (n t h w c) on the device; on a CPU filled up with zeros to a whole batch.

        The rows after n belong to no clip.
        """
        if self.where.type == "cpu":
            missing = self.batch.size - len(clips)
            return torch.cat([clips, clips.new_zeros(missing, *clips.shape[1:])])
        return clips.pin_memory().to(self.where, non_blocking=True)

    @torch.inference_mode()
    def logits(self, clips: torch.Tensor) -> np.ndarray:
        """Logits (n, classes) float32 of clips uint8 (n t h w c), a batch at a time."""
        parts: list[torch.Tensor] = []
        start = 0
        while start < len(clips):
            part = clips[start : start + self.batch.size]
            try:
                self.batch.begin()
                parts.append(self._logits(part)[: len(part)])
                self.batch.end()
            except torch.cuda.OutOfMemoryError:
                self.batch.shrink()
                continue
            start += len(part)
        return torch.cat(parts).cpu().numpy()

    def _logits(self, clips: torch.Tensor) -> torch.Tensor:
        images = normalise(self.filled(clips), self.input.mean, self.input.std)
        with arithmetic(self.precision, self.where):
            return self.model(images).float()


def load(name: str, settings: ModelSettings, weights: Path, classes: int) -> Scorer:
    """A model with the weights of a file, on this machine's device."""
    where = device()
    model = networks.trained(
        name,
        settings.model.network,
        weights,
        classes=classes,
        threads=settings.cpu_threads,
        where=where,
    )
    return Scorer(model, settings.model.input, settings.finetune.precision, where)


def fuse(views: np.ndarray, fusion: str) -> np.ndarray:
    """One score per class from the logits of all views, by the model's own rule.

    (videos, views, classes) → (videos, classes) float32, computed in float64: the mean logit, or
    the logarithm of the mean probability, which keeps classes apart whose probability is 0 in
    float32. Finite logits have finite scores; a video with any other has NaN.
    """
    finite = np.asarray(np.isfinite(views).all(axis=(1, 2), keepdims=True))
    logits = np.where(finite, views, 0).astype(np.float64)
    if fusion == "probabilities":
        scores = logsumexp(log_softmax(logits, axis=-1), axis=1) - np.log(views.shape[1])
    else:
        scores = logits.mean(axis=1)
    # the difference of two logits may be twice as large as float32 holds
    most = np.finfo(np.float32).max
    return np.where(finite[:, 0], np.clip(scores, -most, most), np.nan).astype(np.float32)
