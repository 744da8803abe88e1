"""A linear probe: logistic regression on frozen features, as strict as held-out sources want it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

# scikit-learn's C, the weight of the data against |w|², from the strictest on.
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
# steps of L-BFGS at most
_STEPS = 1000


@dataclass(frozen=True)
class Fit:
    """What a probe says of the test videos, and how it came about.

    predicted: class of each test video (n,). c: its strength. folds: over which this was chosen, 0
    where training videos of a single source leave no choice. converged: whether every fit did.
    """

    predicted: NDArray[np.int64]
    c: float
    folds: int
    converged: bool


def fit(
    train: NDArray, labels: NDArray[np.int64], groups: NDArray, test: NDArray, folds: int
) -> Fit:
    """Fit a probe on training features (n, channels), and let it say the classes of test ones.

    Features are standardised by mean and deviation of the training videos. C is the one with most
    correct training videos, each scored by a probe that has seen no video of its source; the
    strictest of equals. Test videos decide nothing.

    Parameters
    ----------
    labels, groups: class and source of each training video.
    """
    if len(np.unique(labels)) == 1:
        return Fit(np.full(len(test), labels[0]), STRENGTHS[0], 0, True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        splits = _splits(labels, groups, folds)
        correct = np.zeros(len(STRENGTHS), np.int64)
        for seen, held in splits:
            said = _predictions(train[seen], labels[seen], train[held], STRENGTHS)
            correct += [int((each == labels[held]).sum()) for each in said]
        c = STRENGTHS[int(correct.argmax())]
        (predicted,) = _predictions(train, labels, test, (c,))
    for each in caught:
        if not issubclass(each.category, ConvergenceWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    converged = not any(issubclass(each.category, ConvergenceWarning) for each in caught)
    return Fit(predicted, c, len(splits), converged)


def _predictions(
    train: NDArray, labels: NDArray, test: NDArray, strengths: tuple[float, ...]
) -> Iterator[NDArray[np.int64]]:
    """Classes of the test features by a probe of each strength; each fit begins from the last."""
    mean = train.mean(axis=0, dtype=np.float64)
    deviation = train.std(axis=0, dtype=np.float64)
    # a channel that never changes says nothing, and is 0 then
    scale = np.where(deviation > 0, deviation, 1)
    train, test = (train - mean) / scale, (test - mean) / scale
    model = LogisticRegression(max_iter=_STEPS, warm_start=True)
    for c in strengths:
        model.set_params(C=c)
        yield model.fit(train, labels).predict(test)


def _splits(labels: NDArray, groups: NDArray, folds: int) -> list[tuple[NDArray, NDArray]]:
    """Training and held-out videos of each fold; whole sources are held out.

    No more folds than sources and than videos of the largest class. A fold is left out that holds
    nothing, or without which one class is all there is.
    """
    number = min(folds, len(np.unique(groups)), int(np.unique(labels, return_counts=True)[1].max()))
    if number < 2:
        return []
    with warnings.catch_warnings():
        # classes with fewer videos than folds are absent from some of them
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        found = list(StratifiedGroupKFold(number).split(labels[:, None], labels, groups))
    return [(s, h) for s, h in found if len(h) and len(np.unique(labels[s])) > 1]
