"""The noise grids of the poster: our engine against plain loops, side by side.

TimeSformer with divided attention, 12 blocks at reduced width, random weights, one thread. The
plain loop disturbs the model, runs all of it on clips in memory, and restores it; both score the
same bits. The naive script loads the model and decodes the videos for every cell. The bound of a
ratio is what the layers chosen allow: the work of all steps over that of those from the first
disturbed one on, in seconds of the clean model.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import decord
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import timing
from benchmarks.look_alike import encode
from benchmarks.stores import stored
from signal_perception.clips.datasets import test_clips
from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.inference.passes import Shown
from signal_perception.inference.scorer import Scorer, fuse
from signal_perception.models.core import checkpoints, registry
from signal_perception.noise import forecast, grid
from signal_perception.noise.engine import Disturbers, Engine, Scored
from signal_perception.noise.layers import layers
from signal_perception.noise.settings import Noise
from signal_perception.pipeline.units import Write
from signal_perception.synthesise import videos
from signal_perception.vocabulary import CLIP

MODEL = "timesformer_divided"
_NETWORK: dict[str, Any] = {
    "img_size": 32,
    "patch_size": 8,
    "frames": 8,
    "embed_dim": 64,
    "heads": 2,
    "zero_start": False,
}
_INPUT: dict[str, Any] = {"frames": 8, "stride": 3, "size": 32, "sampling": "uniform"}
_CLASSES = 51
_CLIPS = 16
_REPEATS = 3
# Videos and cells of the naive script.
_VIDEOS, _NAIVE_CELLS = 16, 4
_WANTED = {"front": 1.0, "middle": 1.5, "rear": 2.8}

# A unit and the bytes of its scores.
Scores = dict[Scored, bytes]
_POSTER: dict[str, Any] = {
    "repeats": _REPEATS,
    "scale": "absolute",
    "mask": "exact",
    "order": "random",
    "bootstrap": 100,
    "precision": None,
    "worst_case": False,
    "listen": [],
    "gamma": [0.05, 0.25, 0.45, 0.65, 0.85],
    "grids": {
        "figure2": {"panels": "parts", "sigma": [0.1, 0.2, 0.3, 0.4, 0.5], "rho": 0.5},
        "figure3": {"panels": "thirds", "sigma": [0.1, 0.15, 0.2, 0.25, 0.3], "rho": 0.5},
        "figure4": {"panels": "thirds", "sigma": 0.2, "rho": [0.25, 0.5, 0.75, 1.0]},
    },
}
NOISE = Noise.model_validate(_POSTER)


class InMemory:
    """Random clips, one of each video."""

    def __init__(self, count: int):
        source = torch.Generator().manual_seed(1)
        shape = (count, 1, _INPUT["frames"], _INPUT["size"], _INPUT["size"], 3)
        self.pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)

    def inputs(self, video: int, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        return {CLIP: self.pixels[video]}


def measure(rounds: int = 2) -> Iterator[str]:
    """Lines of two comparisons: with the plain loop by pool, and with the naive script."""
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        yield f"noise: {timing.load()}, one thread"
        yield from _by_pool(Path(folder), rounds)
        yield _naive(Path(folder), rounds)


def _by_pool(folder: Path, rounds: int) -> Iterator[str]:
    scorer, clips = _scorer(_network()), InMemory(_CLIPS)
    cost = _cost(_engine(scorer, clips, _CLIPS, folder))
    every, totals, shares = _items(scorer), [], []
    for pool in ("all", "front", "middle", "rear"):
        items = [item for item in every if item.cell.pool == pool]
        results: dict[str, Scores] = {}

        def ours(items: list[Scored] = items, results: dict[str, Scores] = results) -> None:
            with _at_noise() as spent:
                start = time.perf_counter()
                engine = _engine(scorer, clips, _CLIPS, folder)
                results["ours"] = _scores(engine, items, folder)
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
        bound = _bound(_engine(scorer, clips, _CLIPS, folder), items, cost)
        wanted = f", wanted ≥ {_WANTED[pool]}" if pool in _WANTED else ""
        yield (
            f"{pool:6} {len(items) // _REPEATS} cells × {_REPEATS} repeats × {_CLIPS} clips: plain "
            f"loop over ours {timing.ratio(seconds, 'plain', 'ours')} (bound {bound:.2f}{wanted})"
        )
    yield _together(totals, _bound(_engine(scorer, clips, _CLIPS, folder), every, cost))
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


def _naive(folder: Path, rounds: int) -> str:
    """Seconds of a cell: ours over all cells of the poster, theirs over a few."""
    paths = _written(folder / "raw")
    weights = folder / "weights.safetensors"
    checkpoints.save(_network(), weights)
    store = stored(folder / "store", paths)
    taken = Input.model_validate(_INPUT | {"fusion": "logits"})
    items = [item for item in _items(_scorer(_network())) if item.repeat == 0]

    def ours() -> None:
        scorer = _scorer(_loaded(weights))
        clips = test_clips(store.path, taken, seed=0)
        _scores(_engine(scorer, clips, _VIDEOS, folder), items, folder)

    def theirs() -> None:
        for number in range(_NAIVE_CELLS):
            _naive_cell(paths, weights, number)

    seconds = timing.paired({"ours": ours, "theirs": theirs}, rounds)
    more = len(items) / _NAIVE_CELLS
    ratios = [
        [more * each for each in of(seconds, "theirs", "ours")]
        for of in (timing.walls, timing.cpus)
    ]
    decoding = timing.once(lambda: _decoded(paths))
    cell = timing.once(lambda: _naive_cell(paths, weights, 0))
    return (
        f"naive script over ours, a cell of {len(items)} on {_VIDEOS} videos of 320×240: "
        f"{timing.spread(ratios[0])}, in core time {timing.spread(ratios[1])} (wanted ≥ 6); of its "
        f"{cell:.2f} s decoding takes {decoding:.2f}"
    )


def _naive_cell(paths: Sequence[Path], weights: Path, seed: int) -> torch.Tensor:
    """What a first script does: load, decode, add noise to a third, run."""
    model, source = _loaded(weights), torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        for block in model.get_submodule("blocks").children():
            weight = block.get_submodule("spatial_attn.attn.qkv").get_parameter("weight")
            mask = torch.rand(weight.shape, generator=source) < 0.45
            weight += 0.2 * mask * torch.randn(weight.shape, generator=source)
        return model(normalise(_decoded(paths), (0.45,) * 3, (0.225,) * 3))


def _decoded(paths: Sequence[Path]) -> torch.Tensor:
    """A clip of every video, uint8 (n t s s c): short side and centre crop of the model's size."""
    side, clips = _INPUT["size"], []
    for path in paths:
        reader = decord.VideoReader(str(path), num_threads=1)
        indices = np.linspace(0, len(reader) - 1, _INPUT["frames"]).round().astype(int)
        frames = torch.from_numpy(reader.get_batch(list(indices)).asnumpy())
        height, width = frames.shape[1:3]
        small = (side, round(width * side / height))
        resized = F.interpolate(frames.permute(0, 3, 1, 2).float(), small, mode="bilinear")
        left = (small[1] - side) // 2
        clips.append(resized[..., left : left + side].byte().permute(0, 2, 3, 1))
    return torch.stack(clips)


def _written(folder: Path) -> list[Path]:
    """Synthetic videos of 80 frames of 320×240, encoded as HMDB51 is."""
    folder.mkdir()
    paths = [folder / f"{number:02d}.avi" for number in range(_VIDEOS)]
    for number, path in enumerate(paths):
        label = videos.CLASSES[number % len(videos.CLASSES)]
        frames = videos.render(label, number, "test", frames=80, size=320)
        encode(path, frames[:, 40:-40])
    return paths


def _network() -> nn.Module:
    torch.manual_seed(0)
    return registry.build(MODEL, _CLASSES, _NETWORK).eval()


def _loaded(weights: Path) -> nn.Module:
    model = registry.build(MODEL, _CLASSES, _NETWORK)
    registry.load(MODEL, model, weights)
    return model.eval()


def _scorer(model: nn.Module) -> Scorer:
    taken = Input.model_validate(_INPUT | {"fusion": "logits"})
    return Scorer(model, taken, "float32", torch.device("cpu"))


def _items(scorer: Scorer) -> list[Scored]:
    """All units of the poster's grids on one part of the videos."""
    plan = grid.plan(NOISE, "spatial_attn", layers(MODEL, scorer.model))
    return [
        Scored(number, cell, repeat, 0)
        for repeat in range(_REPEATS)
        for number, cell in enumerate(plan.cells)
    ]


def _engine(scorer: Scorer, clips: Shown, count: int, folder: Path) -> Engine:
    return Engine(scorer, MODEL, NOISE, 0, clips, [range(count)], folder=folder)


def _scores(engine: Engine, items: Sequence[Scored], folder: Path) -> Scores:
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
