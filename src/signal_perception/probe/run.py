"""A probe of every tap, each a unit of work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signal_perception.features.store import Features
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, finish


@dataclass(frozen=True)
class Probed:
    """The features of some weights, and what a probe of each tap made of them."""

    features: Features
    units: Sequence[Unit[str]]

    def __iter__(self) -> Iterator["Tap"]:
        """One tap after the other, in execution order; one in memory at a time."""
        for unit in self.units:
            with np.load(unit.result) as file:
                yield Tap(
                    unit.item,
                    self.features.tap(unit.item)[1],
                    file["hits"],
                    float(file["c"]),
                    int(file["folds"]),
                    bool(file["converged"]),
                )


@dataclass(frozen=True)
class Tap:
    """A tap: the features of the test videos (n, channels), and which of them its probe has right.

    c, folds, converged: see `classifier.Fit`.
    """

    name: str
    test: NDArray[np.float32]
    hits: NDArray[np.bool_]
    c: float
    folds: int
    converged: bool


def probed(source: Path, folds: int, folder: Path, label: str) -> Probed:
    """Probe every tap of a file of features; what an earlier run finished is not done again."""
    features = Features(source)
    units = [Unit(tap, folder / f"{tap}.npz") for tap in features.index.taps]
    finish(units, partial(_probe, features, folds), label=label, noun="tap")
    return Probed(features, units)


def refuse_other_videos(one: Probed, own: Probed) -> None:
    """UserError where two files of features are not of the same videos and taps."""
    first, second = one.features.index, own.features.index
    if (first.ids, first.taps) != (second.ids, second.taps):
        raise UserError(
            "The features of these weights and of the data set's own are not of the same videos "
            "and taps, so they cannot be compared; run the stage features of both."
        )


def _probe(features: Features, folds: int, tap: str, path: Path) -> None:
    """The file holds `hits` (test videos,), `c`, `folds` and `converged`."""
    # here and not above: a start of scikit-learn costs seconds, which a finished tap never needs
    from signal_perception.probe import classifier

    index = features.index
    train, test = features.tap(tap)
    for split, values, first in (("training", train, 0), ("test", test, index.training)):
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise UserError(
                f"Tap {tap} of the {split} video {index.ids[first + bad[0]]} holds values that are "
                "not finite, so it has no features; look for diverged weights."
            )
    labels = np.array([index.classes.index(label) for label in index.labels])
    seen, held = labels[: index.training], labels[index.training :]
    found = classifier.fit(train, seen, np.array(index.groups[: index.training]), test, folds)
    with path.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            hits=found.predicted == held,
            c=found.c,
            folds=found.folds,
            converged=found.converged,
        )
