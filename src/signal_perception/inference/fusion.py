"""One score for all views of a video, and what it says of the classes: NumPy and SciPy alone."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp, softmax


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


def probabilities(scores: np.ndarray) -> NDArray[np.float64]:
    """Probabilities of the classes from fused scores (videos, classes), by either rule.

    They are the softmax, which gives mean probabilities back from their logarithms. A video with a
    score that is not finite has NaN.
    """
    finite = np.isfinite(scores).all(axis=1, keepdims=True)
    return np.where(finite, softmax(np.where(finite, scores, 0).astype(np.float64), axis=1), np.nan)
