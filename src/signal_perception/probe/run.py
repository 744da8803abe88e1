"""What is found out about every tap, each a unit of work: its probe, and CKA with own weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signal_perception.features.store import Features
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import Unit, finish
from signal_perception.probe.definitions import Similarity
from signal_perception.probe.settings import Settings


@dataclass(frozen=True)
class Tap:
    """A tap: which of the test videos its probe has right (n,).

    channels: of its features. c, folds, converged: see `classifier.Fit`. alike: None where it was
    compared with nothing.
    """

    name: str
    hits: NDArray[np.bool_]
    channels: int
    c: float
    folds: int
    converged: bool
    alike: Similarity | None


@dataclass(frozen=True)
class Probed:
    """The features of some weights, and what was found out about each tap."""

    features: Features
    units: Sequence[Unit[str]]

    def __iter__(self) -> Iterator[Tap]:
        """The taps in execution order."""
        for unit in self.units:
            with np.load(unit.result) as file:
                yield Tap(
                    unit.item,
                    file["hits"],
                    int(file["channels"]),
                    float(file["c"]),
                    int(file["folds"]),
                    bool(file["converged"]),
                    Similarity(*file["alike"].tolist()) if "alike" in file else None,
                )


def probed(
    features: Features, own: Features | None, settings: Settings, folder: Path, label: str
) -> Probed:
    """Find out about every tap; what an earlier run finished is not done again.

    own: features of the data set's own weights to compare with, or None. UserError where they are
    not of the same videos and taps.
    """
    index = features.index
    if own is not None and (own.index.ids, own.index.taps) != (index.ids, index.taps):
        raise UserError(
            "The features of these weights and of the data set's own are not of the same videos "
            "and taps, so they cannot be compared; run the stage features of both."
        )
    units = [Unit(tap, folder / f"{tap}.npz") for tap in index.taps]
    finish(units, partial(_find_out, features, own, settings), label=label, noun="tap")
    return Probed(features, units)


def _find_out(
    features: Features, own: Features | None, settings: Settings, tap: str, path: Path
) -> None:
    """Write the parts of a `Tap` to a file."""
    # here and not above: a start of scikit-learn costs seconds, which a finished tap never needs
    from threadpoolctl import threadpool_limits

    from signal_perception.probe import classifier, definitions
    from signal_perception.seeding import generator

    index = features.index
    training, test = _finite(features, tap)
    labels = np.array([index.classes.index(label) for label in index.labels])
    groups = np.array(index.groups)
    seen, held = slice(index.training), slice(index.training, None)
    # threads order sums: with one, results are the same on any number of cores
    with threadpool_limits(1):
        found = classifier.fit(training, labels[seen], groups[seen], test, settings.probe.folds)
        alike = {}
        if own is not None:
            random = generator(settings.seed, "cka", tap)
            other = _finite(own, tap)[1]
            alike["alike"] = definitions.similarity(test, other, groups[held], random).numbers
    with path.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            hits=found.predicted == labels[held],
            channels=test.shape[1],
            c=found.c,
            folds=found.folds,
            converged=found.converged,
            **alike,
        )


def _finite(features: Features, tap: str) -> tuple[NDArray, NDArray]:
    """The features of training and test videos; UserError that names a video without any."""
    index, parts = features.index, features.tap(tap)
    bad = np.flatnonzero(~np.isfinite(np.concatenate(parts)).all(axis=1))
    if len(bad):
        raise UserError(
            f"Tap {tap} of video {index.ids[bad[0]]} holds values that are not finite, so it has "
            "no features; look for diverged weights."
        )
    return parts
