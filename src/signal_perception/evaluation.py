"""Predictions of a trained model: logits of every view, fused to one score per video and class, and their accuracy."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from signal_perception import assembly
from signal_perception.data.transforms import normalise
from signal_perception.devices import arithmetic, clips_at_once, device
from signal_perception.intervals import Resamples, interval
from signal_perception.params import Input, Params


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
                logits = self.model(normalise(batch.to(self.where), self.input.mean, self.input.std))
            parts.append(logits.float().cpu().numpy())
        return np.concatenate(parts)


def scorer(params: Params, dataset: str, model: str, classes: int) -> Scorer:
    """The fine-tuned model of an entry on this machine's device."""
    where = device()
    network = assembly.trained_model(params, dataset, model, classes, where)
    return Scorer(network, params.model(model).input, params.finetune.precision, where)


def fuse(views: np.ndarray, fusion: str) -> np.ndarray:
    """One score per class from the logits of all views: (videos, views, classes) → (videos, classes), by the model's own rule."""
    scores = views.astype(np.float64)
    return (softmax(scores, axis=-1) if fusion == "probabilities" else scores).mean(axis=1)


def rank(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Place of the true class (0 is best) among the scores (n, classes) of each video.

    Equal scores are ranked by class number. A video with a score that is not finite counts as wrong: it ranks after every class.
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1])[None] < labels[:, None]
    place = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return np.where(np.isfinite(scores).all(axis=1), place, scores.shape[1])


def accuracy(ranks: np.ndarray, classes: int, resamples: Resamples) -> dict[str, float | int]:
    """Top-1 and top-5 in percent with correct, total, chance and 95 % interval, from the rank of the true class of each video."""
    row: dict[str, float | int] = {"total": len(ranks)}
    for k in (1, 5):
        hits = (ranks < k).astype(np.float64)
        row |= {
            f"top{k}": 100 * float(hits.mean()),
            f"correct{k}": int(hits.sum()),
            f"chance{k}": 100 * min(k, classes) / classes,
        }
        low, high = interval(100 * hits, resamples)
        row |= {f"low{k}": float(low), f"high{k}": float(high)}
    return row
