"""What a precision saves: how many videos a cell needs until its accuracies are known.

A small TimeSformer with random weights scores as many clips as HMDB51's test split has, under noise
on its thirds, from hardly any to what leaves chance, in the poster's 5 repeats. The clips are noise
around one pattern for each class, and their labels are planted so that the clean model has the
poster's accuracies. Every cell is scored on all clips; then it is seen where it would have stopped,
and what it would have said.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.noise import MODEL, POSTER, one_thread
from signal_perception.clips.settings import Input
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.noise import grid, precision
from signal_perception.noise.engine import Engine, Scored
from signal_perception.noise.layers import layers
from signal_perception.noise.settings import Noise
from signal_perception.pipeline.units import Write
from signal_perception.statistics.accuracy import ranking
from signal_perception.statistics.intervals import Resamples, hierarchical_interval, resamples
from signal_perception.statistics.samples import Sample
from signal_perception.vocabulary import CLIP

_NETWORK: dict[str, Any] = {
    "img_size": 16,
    "patch_size": 4,
    "frames": 4,
    "embed_dim": 24,
    "depth": 6,
    "heads": 2,
    "zero_start": False,
}
_INPUT: dict[str, Any] = {"frames": 4, "stride": 2, "size": 16, "sampling": "dense"}
_VIDEOS, _CLASSES, _PER_GROUP = 1530, 51, 5
# Of the clean model, as in the poster's Table 1.
_TOP1, _TOP5 = 0.714, 0.939
_ASKED = 2.0
_NOISE = POSTER | {
    "repeats": 5,
    "scale": "rel_fro",
    "gamma": [0.05, 0.45, 0.85],
    "grids": {"figure3": {"panels": "thirds", "sigma": [0.1, 0.5, 3.0], "rho": 0.5}},
}


class Patterns:
    """Clips of noise around a pattern for each class, a group of videos around the same one."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        side, frames = _INPUT["size"], _INPUT["frames"]
        patterns = rng.integers(0, 256, (_CLASSES, frames, side // 4, side // 4, 3))
        patterns = patterns.repeat(4, axis=2).repeat(4, axis=3)
        of = np.arange(_VIDEOS) // _PER_GROUP % _CLASSES
        noise = rng.normal(0, 30, (_VIDEOS, *patterns.shape[1:]))
        clips = (patterns[of] + noise).clip(0, 255).astype(np.uint8)
        self.pixels = torch.from_numpy(clips)[:, None]

    def inputs(self, video: int, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        return {CLIP: self.pixels[video]}


def measure() -> Iterator[str]:
    """A line: videos saved, and cells whose estimate lies inside the full run's interval."""
    noise, clips = Noise.model_validate(_NOISE), Patterns()
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        scorer = _scorer(clips)
        clean = np.concatenate([scorer.logits(part) for part in clips.pixels[:, 0].split(1024)])
        labels = _planted(clean)
        cells = grid.plan(noise, "spatial_attn", layers(MODEL, scorer.model)).cells
        hits = _hits(noise, scorer, clips, cells, labels, Path(folder))
    groups = [str(video // _PER_GROUP) for video in range(_VIDEOS)]
    draws = resamples(groups, 0, noise.bootstrap)
    known = ranking(clean, labels)
    clean_hits = [known.hits(k) for k in (1, 5)]
    stopped = [_stopped(each, clean_hits) for each in hits]
    scored, every = sum(map(len, stopped)), len(cells) * _VIDEOS
    inside = [
        _inside(each[place], clean_hits[place], videos, draws)
        for each, videos in zip(hits, stopped, strict=True)
        for place in range(2)
    ]
    yield (
        f"precision {_ASKED:g}: {len(cells)} cells of {noise.repeats} repeats, clean top-1 "
        f"{100 * clean_hits[0].mean():.1f}: {every / scored:.1f} × fewer videos (wanted ≥ 3; from "
        f"{min(map(len, stopped))} to {max(map(len, stopped))} of {_VIDEOS}); "
        f"{sum(inside)} of {len(inside)} means lie inside the full run's intervals"
    )


def _stopped(hits: NDArray, clean: Sequence[NDArray]) -> tuple[int, ...]:
    """Videos on which a cell is scored until it stops; hits (2, repeats, videos)."""
    order, videos = precision.order(_VIDEOS, 0, _ASKED), ()
    for part in precision.parts(_VIDEOS, _ASKED):
        videos += tuple(order[position] for position in part)
        top1, top5 = hits[:, :, list(videos)]
        if precision.settled(top1, top5, clean[0], clean[1], videos, _ASKED):
            break
    return videos


def _inside(hits: NDArray, clean: NDArray, videos: Sequence[int], draws: Resamples) -> bool:
    """Whether what a stopped cell says of all videos lies in the interval of all of them."""
    low, high = hierarchical_interval(hits, draws, bounds=(0, 1))
    chosen = np.sort(np.asarray(videos, np.int64))
    sample = Sample(hits[:, chosen], clean, chosen, draws, draws.of(chosen))
    return low <= sample.mean <= high


def _hits(
    noise: Noise,
    scorer: Scorer,
    clips: Patterns,
    cells: Sequence[grid.Cell],
    labels: NDArray,
    folder: Path,
) -> NDArray[np.float64]:
    """Hits at top-1 and top-5 of every cell, (cells, 2, repeats, videos)."""
    parts = precision.parts(_VIDEOS, None)
    engine = Engine(scorer, MODEL, noise, 0, clips, parts, folder=folder)
    found = np.empty((len(cells), 2, noise.repeats, _VIDEOS))
    items = [
        Scored(number, cell, repeat, part)
        for number, cell in enumerate(cells)
        for repeat in range(noise.repeats)
        for part in range(len(parts))
    ]

    def done(item: Scored, write: Write) -> None:
        write(folder / "unit.npz")
        videos = list(parts[item.part])
        with np.load(folder / "unit.npz") as result:
            ranks = ranking(result["scores"], labels[videos])
        for place, k in enumerate((1, 5)):
            found[item.number, place, item.repeat, videos] = ranks.hits(k)

    engine.score(items, done)
    return found


def _scorer(clips: Patterns) -> Scorer:
    """The model, its head moved and stretched: every class is as likely, none is sure."""
    torch.manual_seed(0)
    model = registry.build(MODEL, _CLASSES, _NETWORK).eval()
    taken = Input.model_validate(_INPUT | {"fusion": "logits"})
    scorer = Scorer(model, taken, "float32", torch.device("cpu"))
    logits = torch.from_numpy(scorer.logits(clips.pixels[: 5 * _CLASSES, 0]))
    head, scale = model.get_submodule("head"), logits.std(0)
    with torch.no_grad():
        head.get_parameter("bias").sub_(logits.mean(0)).div_(scale)
        head.get_parameter("weight").div_(scale[:, None])
    return scorer


def _planted(scores: NDArray) -> NDArray[np.int64]:
    """Labels of which the clean scores have as many right as in the poster."""
    rng = np.random.default_rng(1)
    drawn = rng.random(len(scores))
    rank = np.where(drawn < _TOP1, 0, rng.integers(1, 5, len(scores)))
    rank = np.where(drawn < _TOP5, rank, rng.integers(5, _CLASSES, len(scores)))
    return np.take_along_axis((-scores).argsort(axis=1), rank[:, None], axis=1)[:, 0]
