"""The noise grids of the poster: our engine against the plain loop, side by side.

TimeSformer with divided attention, 12 blocks at reduced width, random weights, one thread. The
plain loop disturbs the model, runs all of it on clips in memory, and restores it; both score the
same bits. The bound of a ratio is what the layers chosen allow: the work of all steps over that of
those from the first disturbed one on, in seconds of the clean model.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks import timing
from signal_perception.clips.settings import Input
from signal_perception.inference.fusion import fuse
from signal_perception.inference.passes import Shown
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.noise import forecast, grid
from signal_perception.noise.engine import Disturbers, Engine, Scored
from signal_perception.noise.layers import layers
from signal_perception.noise.settings import Noise
from signal_perception.pipeline.units import Write
from signal_perception.vocabulary import CLIP
from tests.support import grids

MODEL = "timesformer_divided"
NETWORK: dict[str, Any] = {
    "img_size": 32,
    "patch_size": 8,
    "frames": 8,
    "embed_dim": 64,
    "heads": 2,
    "zero_start": False,
}
INPUT: dict[str, Any] = {"frames": 8, "stride": 3, "size": 32, "sampling": "uniform"}
CLASSES = 51
_CLIPS = 16
_REPEATS = 3
_WANTED = {"front": 1.0, "middle": 1.5, "rear": 2.8}

# A unit and the bytes of its scores.
Scores = dict[Scored, bytes]
POSTER: dict[str, Any] = grids.NOISE | {
    "repeats": _REPEATS,
    "gamma": [0.05, 0.25, 0.45, 0.65, 0.85],
    "grids": {
        "figure2": {"panels": "parts", "sigma": [0.1, 0.2, 0.3, 0.4, 0.5], "rho": 0.5},
        "figure3": {"panels": "thirds", "sigma": [0.1, 0.15, 0.2, 0.25, 0.3], "rho": 0.5},
        "figure4": {"panels": "thirds", "sigma": 0.2, "rho": [0.25, 0.5, 0.75, 1.0]},
    },
}
NOISE = Noise.model_validate(POSTER)


class InMemory:
    """Random clips, one of each video."""

    def __init__(self, count: int):
        source = torch.Generator().manual_seed(1)
        shape = (count, 1, INPUT["frames"], INPUT["size"], INPUT["size"], 3)
        self.pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)

    def inputs(self, video: int, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        return {CLIP: self.pixels[video]}


def measure(rounds: int = 2) -> Iterator[str]:
    """Lines of the comparison with the plain loop, by pool."""
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        yield f"noise: {timing.load()}, one thread"
        yield from _by_pool(Path(folder), rounds)


def _by_pool(folder: Path, rounds: int) -> Iterator[str]:
    scorer, clips = scorer_of(tiny_network()), InMemory(_CLIPS)
    cost = _cost(engine_of(scorer, clips, _CLIPS, folder))
    every, totals, shares = units_of(scorer), [], []
    for pool in ("all", "front", "middle", "rear"):
        items = [item for item in every if item.cell.pool == pool]
        results: dict[str, Scores] = {}

        def ours(items: list[Scored] = items, results: dict[str, Scores] = results) -> None:
            with _at_noise() as spent:
                start = time.perf_counter()
                engine = engine_of(scorer, clips, _CLIPS, folder)
                results["ours"] = scores_of(engine, items, folder)
                shares.append((sum(spent), time.perf_counter() - start))

        def plain(items: list[Scored] = items, results: dict[str, Scores] = results) -> None:
            results["plain"] = _plain(scorer, clips, items)

        # the longest, and the one with the least to win
        turns = 1 if pool == "all" else rounds
        seconds = timing.paired({"plain": plain, "ours": ours}, turns)
        assert results["ours"] == results["plain"], (
            "the engine does not score the plain loop's bits"
        )
        totals.append(seconds)
        bound = _bound(engine_of(scorer, clips, _CLIPS, folder), items, cost)
        wanted = f", wanted ≥ {_WANTED[pool]}" if pool in _WANTED else ""
        yield (
            f"{pool:6} {len(items) // _REPEATS} cells × {_REPEATS} repeats × {_CLIPS} clips: plain "
            f"loop over ours {timing.ratio(seconds, 'plain', 'ours')} (bound {bound:.2f}{wanted})"
        )
    yield _together(totals, _bound(engine_of(scorer, clips, _CLIPS, folder), every, cost))
    noise, total = (sum(column) for column in zip(*shares))
    yield f"drawing, applying and restoring: {100 * noise / total:.1f} % of our time (wanted ≤ 5)"


def _together(groups: Sequence[timing.Rounds], bound: float) -> str:
    """The three grids: the sum over pools, each with clean states of its own."""
    found = {}
    for unit in ("wall", "cpu"):
        side = {
            name: sum(np.mean([getattr(each, unit) for each in group[name]]) for group in groups)
            for name in ("plain", "ours")
        }
        found[unit] = side["plain"] / side["ours"]
    return (
        f"the three grids together: {found['wall']:.2f}, in core time {found['cpu']:.2f} "
        f"(bound {bound:.2f}, wanted ≥ 1.4)"
    )


def _cost(engine: Engine) -> forecast.Seconds:
    """Seconds of each step of the clean model, the shortest of many passes."""
    passes = [forecast.measured(engine) for _ in range(20)]
    steps = tuple(map(min, *(each.steps for each in passes)))
    return forecast.Seconds(passes[0].read, steps, passes[0].clips)


def _bound(engine: Engine, items: Sequence[Scored], cost: forecast.Seconds) -> float:
    """What the layers chosen allow, the clean states being free."""
    starts = [engine.start(item) for item in items]
    return cost.cells([0] * len(items), _CLIPS) / cost.cells(starts, _CLIPS)


def _plain(scorer: Scorer, clips: InMemory, items: Sequence[Scored]) -> Scores:
    disturbers, found = Disturbers(scorer, MODEL, NOISE, 0), {}
    for item in items:
        with disturbers.disturbed(item.cell, item.repeat):
            logits = scorer.logits(clips.pixels[:, 0])
        disturbers.relative_amplitude(item.cell)
        found[item] = fuse(logits[:, None], scorer.input.fusion).tobytes()
    return found


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return registry.build(MODEL, CLASSES, NETWORK).eval()


def scorer_of(model: nn.Module) -> Scorer:
    taken = Input.model_validate(INPUT | {"fusion": "logits"})
    return Scorer(model, taken, "float32", torch.device("cpu"))


def units_of(scorer: Scorer) -> list[Scored]:
    """All units of the poster's grids on one part of the videos."""
    plan = grid.plan(NOISE, "spatial_attn", layers(MODEL, scorer.model))
    return [
        Scored(number, cell, repeat, 0)
        for repeat in range(_REPEATS)
        for number, cell in enumerate(plan.cells)
    ]


def engine_of(scorer: Scorer, clips: Shown, count: int, folder: Path) -> Engine:
    return Engine(scorer, MODEL, NOISE, 0, clips, [range(count)], folder=folder)


def scores_of(engine: Engine, items: Sequence[Scored], folder: Path) -> Scores:
    found: Scores = {}
    path = folder / "unit.npz"

    def done(item: Scored, write: Write) -> None:
        write(path)
        with np.load(path) as result:
            found[item] = result["scores"].tobytes()

    engine.score(items, done)
    return found


@contextmanager
def _at_noise() -> Iterator[list[float]]:
    """Seconds spent on noise while inside: entering and leaving a cell, and its κ."""
    disturbed = Disturbers.disturbed
    with timing.timed(Disturbers, "relative_amplitude") as spent:

        def timed(*arguments: Any, **named: Any) -> AbstractContextManager:
            return _timed(partial(disturbed, *arguments, **named), spent)

        Disturbers.disturbed = timed  # type: ignore[method-assign]
        try:
            yield spent
        finally:
            Disturbers.disturbed = disturbed  # type: ignore[method-assign]


@contextmanager
def _timed(make: Callable[[], AbstractContextManager], spent: list[float]) -> Iterator[Any]:
    start = time.perf_counter()
    with make() as found:
        spent.append(time.perf_counter() - start)
        yield found
        start = time.perf_counter()
    spent.append(time.perf_counter() - start)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of PyTorch inside the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
