"""Outcomes of a noise grid made by hand: files of scores as the stage writes them, read back."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signal_perception.noise import grid, precision
from signal_perception.noise.engine import Scored
from signal_perception.noise.outcomes import Outcomes
from signal_perception.noise.settings import Noise
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.intervals import resamples
from tests.support.grids import noise

CLASSES = 8
ATTENTION = {"spatial_attn": 6} | {f"spatial_attn.{part}": 6 for part in "qkv"}


def settings(grids: Mapping[str, Mapping[str, Any]], **changed: object) -> Noise:
    """Of a noise stage with these grids."""
    return noise(grids, **{"repeats": 3, "bootstrap": 300} | changed)


def plan(
    noise: Noise, disturb: str = "spatial_attn", having: Mapping[str, int] = ATTENTION
) -> grid.Plan:
    """Of a model with six blocks of attention."""
    return grid.plan(noise, disturb, grid.Layers(having, {"mlp": 6, "spatial_attn": 6}))


def scores_of(ranks: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores (n, CLASSES) that give the true class these ranks."""
    scores = -np.arange(CLASSES, dtype=np.float32) * np.ones((len(ranks), 1), np.float32)
    for row, rank, label in zip(scores, ranks, labels, strict=True):
        row[[rank, label]] = row[[label, rank]]
    return scores


def write(
    folder: Path,
    plan: grid.Plan,
    score: Callable[[int, int], NDArray[np.float32]],
    parts: Sequence[Sequence[int]],
    repeats: int,
    stops: Mapping[int, int] | None = None,
) -> list[Unit[Scored]]:
    """Finished units, as the engine leaves them.

    score: cell, repeat → scores of all videos. stops: cell → how many parts it has, of all.
    """
    units = []
    for number, cell in enumerate(plan.cells):
        if cell.clean:
            continue
        for part, videos in list(enumerate(parts))[: (stops or {}).get(number)]:
            for repeat in range(repeats):
                path = folder / f"{number}-{repeat}-{part}.npz"
                sha256 = f"hash {number} {repeat}" if part == 0 else ""
                scores = score(number, repeat)[list(videos)]
                np.savez(path, scores=scores, sha256=sha256, kappa=0.1 * (number + 1))
                units.append(Unit(Scored(number, cell, repeat, part), path))
    return units


def parts_of(videos: int, asked: float | None) -> list[tuple[int, ...]]:
    """Numbers of the videos of each part."""
    order = precision.order(videos, 0, asked)
    return [tuple(order[i] for i in part) for part in precision.parts(videos, asked)]


def from_hits(
    folder: Path,
    plan: grid.Plan,
    hits: Mapping[int, NDArray],
    clean: NDArray,
    groups: NDArray,
    asked: float | None = None,
    stops: Mapping[int, int] | None = None,
) -> Outcomes:
    """Outcomes of cells whose videos are right or wrong (repeats, N); wrong ones rank sixth."""
    labels, parts = np.arange(len(clean)) % CLASSES, parts_of(len(clean), asked)
    repeats = len(next(iter(hits.values())))

    def score(number: int, repeat: int) -> NDArray[np.float32]:
        return scores_of(np.where(hits[number][repeat], 0, 5), labels)

    units = write(folder, plan, score, parts, repeats, stops)
    drawn = resamples(groups, 0)
    before = scores_of(np.where(clean, 0, 5), labels)
    return Outcomes(plan, units, before, labels, parts, drawn)
