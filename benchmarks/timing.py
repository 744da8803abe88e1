"""Seconds of calls: alone, on a device, and of several sides in turns."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch


class Seconds(NamedTuple):
    """Of one call: wall: by the clock. cpu: all threads at work, which others disturb less."""

    wall: float
    cpu: float


# Of each side, what each round took.
Rounds = Mapping[str, Sequence[Seconds]]


def once(run: Callable[[], object], where: torch.device | None = None) -> float:
    """Seconds of one call, the device's work included."""
    _wait(where)
    start = time.perf_counter()
    run()
    _wait(where)
    return time.perf_counter() - start


def median(run: Callable[[], object], where: torch.device, rounds: int) -> float:
    """Median seconds over rounds, after two calls that warm up."""
    for _ in range(2):
        run()
    return statistics.median(once(run, where) for _ in range(rounds))


def paired(
    sides: Mapping[str, Callable[[], object]], rounds: int, where: torch.device | None = None
) -> dict[str, list[Seconds]]:
    """Seconds of every side in every round; another side begins each round."""
    names = list(sides)
    seconds: dict[str, list[Seconds]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            cpu = time.process_time()
            wall = once(sides[name], where)
            seconds[name].append(Seconds(wall, time.process_time() - cpu))
    return seconds


def ratio(seconds: Rounds, one: str, other: str) -> str:
    """One side over the other: "1.03 (1.01–1.06), in core time 1.02 (1.01–1.03)"."""
    return f"{spread(walls(seconds, one, other))}, in core time {spread(cpus(seconds, one, other))}"


def walls(seconds: Rounds, one: str, other: str) -> list[float]:
    """One side over the other on the wall, round by round."""
    return [a.wall / b.wall for a, b in zip(seconds[one], seconds[other], strict=True)]


def cpus(seconds: Rounds, one: str, other: str) -> list[float]:
    """The same in core time."""
    return [a.cpu / b.cpu for a, b in zip(seconds[one], seconds[other], strict=True)]


def spread(values: list[float]) -> str:
    """Median, smallest and largest: "1.03 (1.01–1.06)"."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def load() -> str:
    """What this machine has to do beside: "load 2.1 on 2 cores"."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


@contextmanager
def timed(owner: object, name: str) -> Iterator[list[float]]:
    """Seconds of every call of a function of a module or class, while inside."""
    function, spent = getattr(owner, name), []

    def call(*arguments: object, **named: object) -> object:
        start = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            spent.append(time.perf_counter() - start)

    setattr(owner, name, call)
    try:
        yield spent
    finally:
        setattr(owner, name, function)


def _wait(where: torch.device | None) -> None:
    if where is not None and where.type == "cuda":
        torch.cuda.synchronize(where)
