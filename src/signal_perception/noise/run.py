"""The cells of the grids scored in independent units, which live on from run to run.

A unit is one repeat of one cell and keeps the scores of all videos: no accuracy and no interval
needs a second pass, a changed grid computes its new cells alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from signal_perception.clips.datasets import test_clips
from signal_perception.clips.store import ClipStore
from signal_perception.inference import networks, scorer
from signal_perception.models.core import registry
from signal_perception.noise import grid
from signal_perception.noise.definitions import Cell
from signal_perception.noise.engine import CLEAN, Engine, Scored, prepare_clips
from signal_perception.noise.settings import Settings
from signal_perception.pipeline.units import Unit, finish, write_atomically

# What a cell's scores do not depend on: parameters, and code that reads finished cells.
NO_MATTER_OF_A_CELL = (
    "noise.grids",
    "noise.repeats",
    "noise.bootstrap",
    "src/signal_perception/noise/grid.py",
    "src/signal_perception/noise/tables.py",
    "src/signal_perception/statistics",
    "stages/noise.py",
)


@dataclass(frozen=True)
class Plan:
    """The distinct cells of a study, and where each is drawn."""

    cells: list[Cell]
    places: list[grid.Place]


def plan_of(settings: Settings, model: str, clips: Path) -> Plan:
    """The plan of a model's grids."""
    outline = networks.outline(model, settings.model.network, len(ClipStore(clips).classes))
    components = list(registry.components(model, outline))
    return Plan(*grid.plan(settings.noise.grids, settings.model.disturb, components))


def units(cells: Sequence[Cell], repeats: int, folder: Path) -> list[Unit[Scored]]:
    """The clean model, then all cells of a repeat before the next, as its draws are kept."""
    disturbed = [
        Scored(number, cell, repeat)
        for repeat in range(repeats)
        for number, cell in enumerate(cells)
    ]
    return [Unit(each, folder / _file(each)) for each in (CLEAN, *disturbed)]


def score_all(
    settings: Settings,
    model: str,
    cells: Sequence[Cell],
    *,
    clips: Path,
    weights: Path,
    work: Path,
    cache: Path,
    label: str,
) -> list[Unit[Scored]]:
    """Score every cell that `cache` does not have yet; all units are finished afterwards.

    work: folder for the prepared clips, which are needed no longer than this run.
    """
    wanted = units(cells, settings.noise.repeats, cache)
    prepared = work / "clips.npy"
    if not (prepared.is_file() or all(unit.finished for unit in wanted)):
        shown = test_clips(clips, settings.model.input, seed=settings.seed)
        write_atomically(prepared, partial(prepare_clips, shown))
    classes = len(ClipStore(clips).classes)
    prepare = partial(_engine, settings, model, weights, prepared, classes)
    finish(wanted, Engine.score, label=label, noun="cell", prepare=prepare)
    return wanted


def _engine(settings: Settings, model: str, weights: Path, prepared: Path, classes: int) -> Engine:
    loaded = scorer.load(model, settings, weights, classes)
    return Engine(loaded, model, settings.noise, settings.seed, prepared)


def _file(scored: Scored) -> str:
    cell = scored.cell
    if cell is None:
        return "clean.npz"
    shares = f"sigma{cell.sigma!r}-gamma{cell.gamma!r}-rho{cell.rho!r}"
    return f"{cell.component}-{cell.pool}-{shares}-repeat{scored.repeat:03d}.npz"
