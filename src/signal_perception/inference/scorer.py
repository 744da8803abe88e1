"""Logits of clips, and one score per video and class from the logits of its views."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.inference import networks
from signal_perception.inference.device import arithmetic, clips_at_once, device
from signal_perception.inference.settings import ModelSettings


@dataclass(frozen=True)
class Scorer:
    """A trained model in evaluation mode on its device, and how its input is made."""

    model: nn.Module
    input: Input
    precision: str
    where: torch.device

    @torch.inference_mode()
    def logits(self, clips: torch.Tensor) -> np.ndarray:
        """Logits (n, classes) float32 of clips uint8 (n t h w c), a device batch at a time."""
        parts = []
        for batch in clips.split(clips_at_once()):
            with arithmetic(self.precision, self.where):
                logits = self.model(
                    normalise(batch.to(self.where), self.input.mean, self.input.std)
                )
            parts.append(logits.float().cpu().numpy())
        return np.concatenate(parts)


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

    (videos, views, classes) → (videos, classes) float64.
    """
    scores = views.astype(np.float64)
    return (softmax(scores, axis=-1) if fusion == "probabilities" else scores).mean(axis=1)
