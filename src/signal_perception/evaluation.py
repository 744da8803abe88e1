"""Predictions of a trained model: logits of every view, fused to one score per video and class, and their accuracy."""

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from signal_perception.data.transforms import normalise
from signal_perception.devices import arithmetic, clips_at_once
from signal_perception.intervals import Resamples, interval


@torch.inference_mode()
def logits(
    model: nn.Module,
    clips: torch.Tensor,
    *,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    precision: str,
    where: torch.device,
) -> np.ndarray:
    """Logits (n, classes) float32 of clips uint8 (n t h w c), a device batch at a time; the model stands in evaluation mode on `where`."""
    parts = []
    for batch in clips.split(clips_at_once()):
        with arithmetic(precision, where):
            parts.append(model(normalise(batch.to(where), mean, std)).float().cpu().numpy())
    return np.concatenate(parts)


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
