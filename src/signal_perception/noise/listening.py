"""The temporal amplitudes of every tap of Figure 1 under chosen cells, video by video."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips.datasets import TestClips
from signal_perception.fourier import sums
from signal_perception.fourier.definitions import in_figure1, representative
from signal_perception.inference import scorer
from signal_perception.inference.blocks import Videos, blocks
from signal_perception.inference.passes import Pass
from signal_perception.inference.rows import Rows
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap
from signal_perception.noise.definitions import Cell
from signal_perception.noise.engine import Disturbers
from signal_perception.noise.grid import Plan, listened
from signal_perception.noise.run import NO_MATTER_OF_A_CELL, Inputs
from signal_perception.noise.settings import Settings
from signal_perception.noise.views import shown
from signal_perception.pipeline.units import Unit, finish
from signal_perception.vocabulary import CLIP

# What heard taps do not depend on: that of a cell's scores, but the code that listens matters.
NO_MATTER_OF_A_TAP = tuple(
    name
    for name in NO_MATTER_OF_A_CELL
    if name not in ("src/signal_perception/fourier", "src/signal_perception/noise/listening.py")
)

Disturbed = Callable[[Cell, int], AbstractContextManager]


@dataclass(frozen=True)
class Heard:
    """What one unit hears: the model under a cell in one repeat, or, with None, the clean model."""

    cell: Cell | None
    repeat: int


CLEAN = Heard(None, 0)


class Listener:
    """A trained model, the test clips it is shown and what disturbs it.

    disturbed: cell, repeat → the context in which the model is disturbed.
    """

    def __init__(self, loaded: Scorer, model: str, clips: TestClips, disturbed: Disturbed):
        self._scorer, self._clips, self._disturbed = loaded, clips, disturbed
        self._taps = figure1_taps(registry.taps(model, loaded.model))

    def hear(self, heard: Heard, path: Path) -> None:
        """Hear all test videos and write a file.

        numbers: of every video, view and tap (videos, views, taps, 3): mean A over space and
        channels at the poster's bin (NaN where T′ has none), the same at bin 0, and mean A² over
        all bins. Of each tap: taps (its name), kinds, blocks, tokens (T′).
        """
        tokens: dict[str, int] = {}

        def numbers(name: str, values: torch.Tensor) -> torch.Tensor:
            tokens[name] = values.shape[1]
            return _amplitudes(values)

        names = [tap.name for tap in self._taps]
        sink, rows = Rows(names, numbers), []
        views = self._clips.views

        def done(block: Videos) -> None:
            rows.append(sink.take(block, 1, views)[0])

        context = self._disturbed(heard.cell, heard.repeat) if heard.cell else nullcontext()
        every = blocks(range(len(self._clips)))
        with context:
            Pass(self._scorer, self._clips, [CLIP]).run(every, self._taps, [sink], done)
        found = np.concatenate(rows).reshape(len(self._clips), views, len(names), 3)
        about = {
            "taps": names,
            "kinds": [tap.kind for tap in self._taps],
            "blocks": [tap.block for tap in self._taps],
            "tokens": [tokens[name] for name in names],
        }
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, numbers=found, **about)


def hear_all(
    settings: Settings,
    model: str,
    plan: Plan,
    inputs: Inputs,
    *,
    folder: Path,
    label: str,
) -> list[Unit[Heard]]:
    """The clean model and the listened cells in each repeat, as finished units in `folder`.

    None where no cell is listened to, or none changes anything.
    """
    cells = [plan.cells[place.cell] for place in listened(settings.noise, plan)]
    disturbed = [cell for cell in dict.fromkeys(cells) if not cell.clean]
    if not disturbed:
        return []
    repeats = range(settings.noise.repeats)
    every = [CLEAN, *(Heard(cell, repeat) for cell in disturbed for repeat in repeats)]
    units = [Unit(each, folder / _file(each)) for each in every]
    prepare = partial(_listener, settings, model, inputs)
    finish(units, Listener.hear, label=f"{label}, taps", noun="cell", prepare=prepare)
    return units


def _listener(settings: Settings, model: str, inputs: Inputs) -> Listener:
    clips = shown(settings, inputs.clips)
    loaded = scorer.load(model, settings, inputs.weights, len(clips.store.classes))
    disturbers = Disturbers(loaded, model, settings.noise, settings.seed)
    disturbed = partial(disturbers.disturbed, hashed=False)
    return Listener(loaded, model, clips, disturbed)


def _file(heard: Heard) -> str:
    cell = heard.cell
    return "clean.npz" if cell is None else f"{cell.name}-repeat{heard.repeat:03d}.npz"


def figure1_taps(taps: Sequence[Tap]) -> list[Tap]:
    """The taps of the poster's Figure 1: streams after attention, MLP or a bottleneck."""
    kinds: dict[int, set[str]] = {}
    for tap in taps:
        kinds.setdefault(tap.block, set()).add(tap.kind)
    return [tap for tap in taps if tap.side == "stream" and in_figure1(tap.kind, kinds[tap.block])]


def _amplitudes(values: torch.Tensor) -> torch.Tensor:
    """Of clips (n t h w c): mean A at the poster's bin and at 0, mean A² of all bins: (n 3)."""
    # of the three means the one of logarithms is not used, so its ε does not matter
    _, amplitude, power = sums.temporal_means(values, 1.0).unbind(1)
    _, t, h, w, _ = values.shape
    chosen = representative("temporal", t, h, w, "poster").index
    missing = torch.full_like(amplitude[:, 0], torch.nan)
    at = missing if chosen is None else amplitude[:, chosen]
    return torch.stack([at, amplitude[:, 0], power.mean(1)], dim=1)
