"""The grids of weight noise: which cells a study has, and the engine that scores them.

A unit of work is one repeat of a block of cells; every cell keeps the logits of all videos, so no accuracy or interval needs a second
pass. Cells that several figures share are run once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from signal_perception import assembly, devices, evaluation, models, paths
from signal_perception.data.batches import TestClips
from signal_perception.data.clips import ClipStore
from signal_perception.errors import UserError
from signal_perception.noise import Cell, Disturber
from signal_perception.params import Grid, GridName, Params

THIRDS = ("front", "middle", "rear")
_ATTENTION_PARTS = ("q", "k", "v")


@dataclass(frozen=True)
class Place:
    """Where a cell stands in a figure: grid, panel, and the cell's number in the list of distinct cells."""

    grid: str
    panel: str
    cell: int


@dataclass(frozen=True)
class Unit:
    """One repeat of a block of cells, and the file its results go to; the clean model is the unit without cells."""

    repeat: int
    cells: tuple[tuple[int, Cell], ...]
    path: Path


def plan(grids: Mapping[GridName, Grid], disturb: str, components: Sequence[str]) -> tuple[list[Cell], list[Place]]:
    """Distinct cells of all grids, in the order of first use, and every place where each is drawn.

    `disturb` is the component whose parts and thirds are compared. Panels `parts` are its q, k and v where it is an attention, one at a
    time over all layers, or the component itself where it has no parts; panels `thirds` are front, middle and rear of its layers.
    """
    if disturb not in components:
        raise UserError(f"The model has no component {disturb!r} to disturb; it has {', '.join(sorted(components))}.")
    split = [f"{disturb}.{part}" for part in _ATTENTION_PARTS if f"{disturb}.{part}" in components]
    number: dict[Cell, int] = {}
    places = []
    for name, grid in grids.items():
        panels = (
            [(part, part, "all") for part in split or [disturb]]
            if grid.panels == "parts"
            else [(t, disturb, t) for t in THIRDS]
        )
        for panel, component, pool in panels:
            for rho in grid.rho:
                for sigma in grid.sigma:
                    for gamma in grid.gamma:
                        cell = Cell(component, pool, sigma, gamma, rho)
                        places.append(Place(name, panel, number.setdefault(cell, len(number))))
    return list(number), places


def units(cells: Sequence[Cell], repeats: int, block: int, folder: Path) -> list[Unit]:
    """The clean model, then every repeat of every block of cells; all cells of a repeat before the next, as its draws are kept."""
    work = [Unit(0, (), folder / "clean.npz")]
    for repeat in range(repeats):
        for start in range(0, len(cells), block):
            part = tuple(enumerate(cells))[start : start + block]
            work.append(Unit(repeat, part, folder / f"repeat-{repeat:03d}-cells-{start:05d}.npz"))
    return work


def prepare(clips: TestClips, path: Path) -> None:
    """Write all test clips (v t h w c) uint8, cropped to the model's input, into one .npy file (n v t h w c), one video at a time."""
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(clips), *clips[0][0].shape))
    for index in range(len(clips)):
        file[index] = clips[index][0].numpy()
    file.flush()


def run(params: Params, dataset: str, model: str, clips: Path, unit: Unit) -> None:
    """Score one unit on prepared `clips`: logits float16 (cells, videos, classes), the hash of each ΔW and κ go to its file."""
    engine = assembly.kept(unit.path.parent, lambda: _Engine(params, dataset, model, clips))
    scores, hashes, energy = [], [], []
    for _, cell in unit.cells:
        with engine.disturber.disturbed(cell, unit.repeat) as disturbance:
            scores.append(engine.score())
        hashes.append(disturbance.sha256)
        energy.append(engine.disturber.energy(cell))
    if not unit.cells:
        scores, hashes, energy = [engine.score()], [""], [0.0]
    unfinished = unit.path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez(file, logits=np.stack(scores), sha256=np.array(hashes), kappa=np.array(energy))
    unfinished.replace(unit.path)


class _Engine:
    """A trained model that can be disturbed, and the test clips it is scored on."""

    def __init__(self, params: Params, dataset: str, model: str, clips: Path):
        # mapped from the file: memory holds a batch of the clips, not all
        self._clips = np.load(clips, mmap_mode="r")
        self._fusion = params.model(model).input.fusion
        self._scorer = evaluation.scorer(params, dataset, model, len(ClipStore(paths.clips(dataset, "test")).classes))
        self.disturber = Disturber(
            self._scorer.model,
            models.components(model, self._scorer.model),
            seed=params.seed,
            scale=params.noise.scale,
            mask=params.noise.mask,
            order=params.noise.order,
        )

    def score(self) -> np.ndarray:
        """Scores of all videos, float16 (videos, classes), with the weights as they stand."""
        parts = []
        step = devices.clips_at_once()
        for start in range(0, len(self._clips), step):
            clips = torch.from_numpy(np.array(self._clips[start : start + step]))  # n v t h w c
            logits = self._scorer.logits(clips.flatten(0, 1)).reshape(*clips.shape[:2], -1)
            parts.append(evaluation.fuse(logits, self._fusion))
        with np.errstate(over="ignore"):  # beyond float16's range is infinite, and an infinite score counts as wrong
            return np.concatenate(parts).astype(np.float16)
