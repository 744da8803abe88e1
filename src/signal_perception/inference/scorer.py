"""A trained model ready to run, and the logits of clips."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
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
