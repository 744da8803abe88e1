"""Passes that keep means or activations beside one that keeps logits; clips wait in memory."""

import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from benchmarks import timing, work
from benchmarks.gpu.board import Board
from benchmarks.gpu.forward import PRECISION, SETTLE
from benchmarks.subjects import Subject
from benchmarks.work import Work
from signal_perception.clips.datasets import TestClips
from signal_perception.inference.scorer import Scorer

# Batches of a pass, distinct clips among them, rounds.
_BATCHES, _CLIPS, _ROUNDS = 4, 8, 3
# Bytes of activations that a pass may write.
_MOST = 12e9


class Held(TestClips):
    """Clips that are in memory already: nothing is decoded, and the GPU does not wait for that."""

    def __init__(self, subject: Subject):
        self._pixels = subject.pixels(_CLIPS)

    def inputs(self, video: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        return dict.fromkeys(names, self._pixels[video % _CLIPS][None])


def extraction(board: Board, subject: Subject) -> None:
    """A row each of logits, means and activations; the batch is what each has found by itself."""
    each = work.of(subject, Held(subject), PRECISION)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare, means, keep = _fresh(each), _fresh(each), _fresh(each)
        bare.bare(SETTLE)
        means.means(SETTLE, folder / "means")
        keep.activations(SETTLE, keep.make_store(SETTLE, folder / "first.zarr"))
        videos = _BATCHES * bare.scorer.batch.size
        sides: dict[str, Callable[[], object]] = {
            "logits": partial(bare.bare, videos),
            "means": partial(means.means, videos, folder / "means"),
        }
        seconds = timing.paired(sides, _ROUNDS, subject.where)
        ratio = statistics.median(timing.walls(seconds, "means", "logits"))
        rates = {
            side: videos / statistics.median(each.wall for each in found)
            for side, found in seconds.items()
        }
        _add(board, bare, "logits", videos, rates["logits"])
        _add(board, means, "means", videos, rates["means"], over_logits=ratio, wanted="≤ 1.1")
        _activations(board, keep, folder, rates["logits"])


def _activations(board: Board, each: Work, folder: Path, forward: float) -> None:
    """forward: clips per second of the pass that keeps logits."""
    videos = min(_BATCHES * each.scorer.batch.size, max(1, int(_MOST / each.clip_bytes)))
    store = each.make_store(videos, folder / "activations.zarr")
    rate = videos / timing.once(partial(each.activations, videos, store), each.scorer.where)
    shutil.rmtree(store)
    gigabytes = each.clip_bytes / 1e9
    disk = _disk(folder, videos * each.clip_bytes)
    _add(
        board,
        each,
        "activations",
        videos,
        rate,
        mb_per_clip=each.clip_bytes / 1e6,
        gb_per_second=rate * gigabytes,
        disk_gb_per_second=disk,
        of_slower=rate / min(forward, disk / gigabytes),
        wanted="of_slower ≥ 0.8",
    )


def _add(board: Board, each: Work, kept: str, videos: int, rate: float, /, **more: object) -> None:
    board.add(
        "extraction",
        model=each.name,
        kept=kept,
        batch=each.scorer.batch.size,
        clips=videos,
        clips_per_second=rate,
        **more,
    )


def _disk(folder: Path, size: int) -> float:
    """10⁹ bytes per second of plain writes from one thread, at most 4·10⁹ bytes."""
    block = memoryview(os.urandom(1 << 20) * 16)
    blocks = max(1, min(size, int(4e9)) // len(block))
    with (folder / "plain").open("wb", buffering=0) as file:
        seconds = timing.once(lambda: [file.write(block) for _ in range(blocks)])
    (folder / "plain").unlink()
    return blocks * len(block) / seconds / 1e9


def _fresh(each: Work) -> Work:
    """The same with a batch that has to be found."""
    scorer = each.scorer
    return replace(each, scorer=Scorer(scorer.model, scorer.input, scorer.precision, scorer.where))
