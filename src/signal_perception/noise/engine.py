"""A trained model scored on test clips, with the noise of one cell after another.

Each cell runs from the first sub-layer that it disturbs; what lies before comes from clean states
(see `prefix`). On a CPU the scores are, bit for bit, those of the whole model run on every clip.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import nn

from signal_perception.inference.device import to_host
from signal_perception.inference.fusion import fuse
from signal_perception.inference.passes import Shown
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap
from signal_perception.noise.activations import ActivationDisturber
from signal_perception.noise.definitions import Cell
from signal_perception.noise.layers import tapped
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturbance, Disturber
from signal_perception.noise.prefix import Prefix
from signal_perception.noise.settings import Noise
from signal_perception.noise.steps import first, steps
from signal_perception.pipeline.units import Write

Gradient = Callable[[], Mapping[str, torch.Tensor]]


@dataclass(frozen=True)
class Scored:
    """What one unit scores: the model with a cell's noise in one repeat, on a part of the videos.

    number: of the cell among the distinct ones of a study.
    """

    number: int
    cell: Cell
    repeat: int
    part: int


class Disturbers:
    """What disturbs a model, by the kind of a cell; one cell at a time.

    gradient: of the loss at the clean weights, called once if a cell of that kind is asked for.
    """

    def __init__(
        self,
        scorer: Scorer,
        model: str,
        noise: Noise,
        seed: int,
        gradient: Gradient | None = None,
    ):
        self._model = module = scorer.model
        self._components = registry.components(model, module)
        self._taps = tapped(registry.taps(model, module))
        options = Options(seed, noise.scale, noise.mask, noise.order)
        self._weights = Disturber(module, self._components, options, gradient=gradient)
        self._activations = ActivationDisturber(module, self._taps, options)

    def blocks(self, cell: Cell, repeat: int) -> tuple[int, ...]:
        """The blocks that a cell disturbs in a repeat, in execution order."""
        return self._of(cell).blocks(cell, repeat)

    @property
    def listened(self) -> list[nn.Module]:
        """Modules whose calls are disturbed, or tell of what is."""
        names = {n for taps in self._taps.values() for tap in taps for n in _modules(tap)}
        return [self._model.get_submodule(name) for name in sorted(names)]

    def touched(self, cell: Cell, block: int) -> list[nn.Module | nn.Parameter]:
        """What a cell changes, or listens to, where it disturbs a block."""
        if cell.kind == "activations":
            taps = [tap for tap in self._taps[cell.component] if tap.block == block]
            return [self._model.get_submodule(name) for tap in taps for name in _modules(tap)]
        pieces = [piece for piece in self._components[cell.component] if piece.block == block]
        return [self._model.get_parameter(piece.parameter) for piece in pieces]

    def disturbed(
        self, cell: Cell, repeat: int, *, hashed: bool = True
    ) -> AbstractContextManager[Disturbance]:
        """The model under a cell; afterwards it is bit for bit clean."""
        return self._of(cell).disturbed(cell, repeat, hashed=hashed)

    def relative_amplitude(self, cell: Cell) -> float:
        """κ of a cell."""
        return self._of(cell).relative_amplitude(cell)

    def _of(self, cell: Cell) -> Disturber | ActivationDisturber:
        return self._activations if cell.kind == "activations" else self._weights


class Engine:
    """A trained model that can be disturbed, and the clips that it is scored on.

    It keeps its clean states from call to call, and goes back to the clips only for an item of
    another part, or one that begins before them.

    Parameters
    ----------
    model: its name. clips: of the videos. parts: numbers of the videos of each part.
    gradient: see `Disturbers`. folder: of the file for states that memory has no room for.
    """

    def __init__(
        self,
        scorer: Scorer,
        model: str,
        noise: Noise,
        seed: int,
        clips: Shown,
        parts: Sequence[Sequence[int]],
        *,
        folder: Path,
        gradient: Gradient | None = None,
    ):
        self._scorer = scorer
        self._disturbers = Disturbers(scorer, model, noise, seed, gradient)
        self.steps = steps(registry.segments(model, scorer.model), self._disturbers.listened)
        self.parts = parts
        self.prefix = Prefix(scorer, self.steps, clips, folder)
        # by kind, component and first block
        self._starts: dict[tuple[str, str, int], int] = {}
        self._kappas: dict[Cell, float] = {}
        # units of a cluster's worker may run in several threads
        self._lock = Lock()

    def score(self, items: Sequence[Scored], done: Callable[[Scored, Write], object]) -> None:
        """Score items, those that share clean states one after the other; see `units.stream`.

        A result holds `scores` float32 (videos of the part, classes); `sha256` of ΔW, in the first
        part alone, else empty; `kappa`.
        """
        with self._lock:
            for item in sorted(items, key=self._place):
                scores, sha256 = self._scores(item)
                kappa = self._kappa(item.cell)
                done(item, partial(_save, scores=scores, sha256=sha256, kappa=kappa))

    def start(self, item: Scored) -> int:
        """Number of the first step that an item disturbs."""
        cell, block = item.cell, self._disturbers.blocks(item.cell, item.repeat)[0]
        key = cell.kind, cell.component, block
        if key not in self._starts:
            self._starts[key] = first(self.steps, block, self._disturbers.touched(cell, block))
        return self._starts[key]

    def wait(self) -> None:
        """Wait until a GPU has done all that it was asked for."""
        if self._scorer.where.type == "cuda":
            torch.cuda.synchronize(self._scorer.where)

    def _place(self, item: Scored) -> tuple[int, int, int, int]:
        """By part and boundary, for the states; by repeat, whose draws are kept; by number."""
        return item.part, self.start(item), item.repeat, item.number

    def _scores(self, item: Scored) -> tuple[np.ndarray, str]:
        """Scores of an item and the hash of ΔW, in smaller batches where memory asks for it."""
        while True:
            try:
                self.prefix.move(self.parts[item.part], self.start(item))
                hashed = item.part == 0
                with self._disturbers.disturbed(item.cell, item.repeat, hashed=hashed) as found:
                    logits = self._logits()
                break
            except torch.cuda.OutOfMemoryError:
                # outside, where the error no longer holds on to the tensors of the batch
                pass
            self.prefix.shrink()
        # video view class
        views = logits.reshape(len(self.parts[item.part]), -1, logits.shape[1])
        return fuse(views, self._scorer.input.fusion), found.sha256

    def _logits(self) -> np.ndarray:
        """Of every clip (clips, classes), from the states on, with the model as it stands."""
        found = []
        for state, count in self.prefix.batches():
            logits = self.prefix.run(state, self.prefix.boundary)
            assert isinstance(logits, torch.Tensor)
            found.append(logits[:count].float())
        host = to_host(torch.cat(found))
        self.wait()
        return host.numpy()

    def _kappa(self, cell: Cell) -> float:
        if cell not in self._kappas:
            self._kappas[cell] = self._disturbers.relative_amplitude(cell)
        return self._kappas[cell]


def _modules(tap: Tap) -> tuple[str, str]:
    """Names of the modules that noise on a tap's activations has to do with."""
    return tap.module, tap.sublayer


def _save(path: Path, *, scores: np.ndarray, sha256: str, kappa: float) -> None:
    with path.open("wb") as file:
        np.savez(file, scores=scores, sha256=sha256, kappa=kappa)
