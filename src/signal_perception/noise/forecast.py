"""What a run of the noise stage will cost, in plain lines before it starts."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from signal_perception.noise.engine import Engine, Scored
from signal_perception.noise.grid import Plan

# A batch that takes longer is measured once, without one to warm up.
_LONG = 5.0


@dataclass(frozen=True)
class Seconds:
    """Of one batch: to read it, and in each step of the model. clips: how many a batch has."""

    read: float
    steps: tuple[float, ...]
    clips: int

    def cells(self, starts: Sequence[int], clips: int) -> float:
        """Of so many clips from each of these steps on to the logits."""
        return self._batches(clips) * sum(sum(self.steps[start:]) for start in starts)

    def states(self, starts: Sequence[int], clips: int) -> float:
        """Of the clean model up to the last of these steps."""
        return self._batches(clips) * sum(self.steps[: max(starts, default=0)])

    def reading(self, starts: Sequence[int], clips: int) -> float:
        """Of reading the clips, where there is something to do."""
        return self._batches(clips) * self.read if starts else 0.0

    def _batches(self, clips: int) -> int:
        return math.ceil(clips / self.clips)


@dataclass(frozen=True)
class Work:
    """Steps at which units begin, by part.

    all, left: of all units, and of those that are not done. clips: of each part.
    """

    all: Sequence[Sequence[int]]
    left: Sequence[Sequence[int]]
    clips: Sequence[int]

    def saved(self, seconds: Seconds) -> float:
        """Share of the time in the model that clean states save, over all units."""
        paired = list(zip(self.all, self.clips, strict=True))
        plain = sum(seconds.cells([0] * len(starts), clips) for starts, clips in paired)
        ours = sum(
            seconds.cells(starts, clips) + seconds.states(starts, clips) for starts, clips in paired
        )
        return 1 - ours / plain if plain else 0.0

    def minutes(self, seconds: Seconds) -> float:
        """That the units which are left take."""
        asked = (seconds.reading, seconds.states, seconds.cells)
        paired = list(zip(self.left, self.clips, strict=True))
        return sum(each(starts, clips) for each in asked for starts, clips in paired) / 60


def counts(plan: Plan, repeats: int, videos: int, views: int, precision: float | None) -> list[str]:
    """Which cells there are, and how many forward passes of a clip that is."""
    cells, places = len(plan.cells), len(plan.places)
    clean = sum(cell.clean for cell in plan.cells)
    passes = (cells - clean) * repeats * videos * views
    shown = "1 view" if views == 1 else f"{views} views"
    most = "at most " if precision else ""
    early = f"; a cell stops where ±{precision:g} points are reached" if precision else ""
    return [
        f"{places} places in figures are {cells} cells: {places - cells} are shared, {clean} are "
        "clean and are not run",
        f"{cells - clean} cells × {repeats} repeats × {videos} videos × {shown} = "
        f"{most}{passes} forward passes of a clip{early}",
    ]


def costs(work: Work, seconds: Seconds, precision: float | None) -> str:
    """What the clean states save, what is done, and how long the rest takes."""
    units, left = (sum(map(len, each)) for each in (work.all, work.left))
    most = "at most" if precision else "about"
    return (
        f"clean states save {100 * work.saved(seconds):.0f} % of it; {units - left} of {units} "
        f"units are done, the others take {most} {_rounded(work.minutes(seconds))} minutes"
    )


def work(engine: Engine, units: Sequence[Scored], left: Sequence[Scored], views: int) -> Work:
    """The work of units on an engine's parts."""

    def starts(items: Sequence[Scored]) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in engine.parts]
        for item in items:
            found[item.part].append(engine.start(item))
        return found

    clips = [len(part) * views for part in engine.parts]
    return Work(starts(units), starts(left), clips)


def measured(engine: Engine) -> Seconds:
    """Seconds of the clean model on the first batch."""
    prefix, videos = engine.prefix, engine.parts[0]
    prefix.settle(videos)
    start = time.perf_counter()
    pixels = next(prefix.pixels(videos))
    read = time.perf_counter() - start
    rounds = [_steps(engine, pixels)]
    if sum(rounds[0]) < _LONG:
        rounds.append(_steps(engine, pixels))
    return Seconds(read, rounds[-1], len(pixels))


def _steps(engine: Engine, pixels: torch.Tensor) -> tuple[float, ...]:
    state, found = engine.prefix.images(pixels), []
    for number in range(len(engine.steps)):
        start = time.perf_counter()
        state = engine.prefix.run(state, number, number + 1)
        engine.wait()
        found.append(time.perf_counter() - start)
    return tuple(found)


def _rounded(minutes: float) -> str:
    """As exact as it is known: "0.4", "12"."""
    return f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"
