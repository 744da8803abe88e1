"""A trained model scored on all test clips, with the noise of one cell after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips.datasets import TestClips
from signal_perception.inference.blocks import Videos, blocks
from signal_perception.inference.passes import LOGITS, Pass
from signal_perception.inference.rows import Rows
from signal_perception.inference.scorer import Scorer, fuse
from signal_perception.models.core import registry
from signal_perception.noise.definitions import Cell
from signal_perception.noise.perturbation import Disturber
from signal_perception.noise.settings import Noise
from signal_perception.vocabulary import CLIP


@dataclass(frozen=True)
class Scored:
    """What one unit scores: the model with a cell's noise in one repeat, or, with None, clean.

    number: of the cell among the distinct ones of a grid.
    """

    number: int
    cell: Cell | None
    repeat: int


CLEAN = Scored(-1, None, 0)


def prepare_clips(clips: TestClips, path: Path) -> None:
    """Write all test clips, cropped to the model's input, into one .npy file.

    (n v t h w c) uint8, one video at a time in memory.
    """
    shape = (len(clips), *clips[0][0].shape)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for index in range(len(clips)):
        file[index] = clips[index][0].numpy()
    file.flush()


class Engine:
    """A trained model that can be disturbed, and the prepared test clips it is scored on."""

    def __init__(self, scorer: Scorer, model: str, noise: Noise, seed: int, clips: Path):
        # mapped from the file: memory holds a batch of the clips, not all
        self._clips = np.load(clips, mmap_mode="r")
        self._scorer = scorer
        self._disturber = Disturber(
            scorer.model,
            registry.components(model, scorer.model),
            seed=seed,
            scale=noise.scale,
            mask=noise.mask,
            order=noise.order,
        )

    def score(self, scored: Scored, path: Path) -> None:
        """Score one unit; its file holds scores, the hash of ΔW and κ."""
        sha256, kappa = "", 0.0
        if scored.cell is None:
            scores = self._scores()
        else:
            with self._disturber.disturbed(scored.cell, scored.repeat) as disturbance:
                scores = self._scores()
            sha256 = disturbance.sha256
            kappa = self._disturber.relative_amplitude(scored.cell)
        with path.open("wb") as file:
            np.savez(file, scores=scores, sha256=sha256, kappa=kappa)

    def _scores(self) -> np.ndarray:
        """Scores of all videos, float16 (videos, classes), with the weights as they stand."""
        videos, views = self._clips.shape[:2]
        logits = Rows([LOGITS], lambda _name, values: values)
        parts: list[np.ndarray] = []

        def done(block: Videos) -> None:
            found = logits.take(block, 1, views)[0]
            parts.append(found.reshape(len(block.numbers), views, -1))

        Pass(self._scorer, self, [CLIP]).run(blocks(range(videos)), [], [logits], done)
        scores = fuse(np.concatenate(parts), self._scorer.input.fusion)
        # beyond float16's range is infinite, and an infinite score counts as wrong
        with np.errstate(over="ignore"):
            return scores.astype(np.float16)

    def inputs(self, video: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """The prepared views of a video, for the pass: "clip" → uint8 (views t s s c)."""
        assert tuple(names) == (CLIP,)
        return {CLIP: torch.from_numpy(np.array(self._clips[video]))}
