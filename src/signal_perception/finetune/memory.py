"""How a step fits the memory of its device: clips at once, and activations that are made twice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import reduce
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from signal_perception.clips.order import Piece
from signal_perception.clips.settings import Input
from signal_perception.finetune.norms import batch_norms
from signal_perception.inference.batch import asked
from signal_perception.models.core.state import Segment, State
from signal_perception.pipeline.errors import UserError

# Pixels of the clips that run at once on a CPU: some GB of memory with the largest networks.
_PIXELS_ON_CPU = 5_000_000


class Memory:
    """What is done to fit: fewer clips at once, and at last activations not kept but made twice.

    On a CPU the number of clips follows from their size alone, and so do last bits.

    Parameters
    ----------
    clip: how large one is. by_unit: whether the clips of a unit run at once in any case, and no
        others with them, since a batch norm takes its statistics over them.
    segments: the forward pass in steps, between which activations are kept then; None: as a whole.
    """

    def __init__(
        self,
        model: nn.Module,
        clip: Input,
        by_unit: bool,
        segments: Sequence[Segment] | None,
        *,
        where: torch.device,
        batch: int,
    ):
        self._model, self._segments, self._by_unit = model, segments, by_unit
        self._norms = batch_norms(model)
        self._twice = False
        on_cpu = max(1, _PIXELS_ON_CPU // (clip.frames * clip.size**2))
        self.at_once = on_cpu if where.type == "cpu" else asked() or batch
        self._where = where

    def parts(self, piece: Piece) -> Iterator[range]:
        """The places of a piece that run at once."""
        if self._by_unit:
            yield from piece.units
        else:
            yield from chunks(piece.places, self.at_once)

    def forward(self, inputs: torch.Tensor, replay: Callable[[], object]) -> torch.Tensor:
        """Logits. replay: is called where the pass will be repeated during the backward one."""
        if not self._twice or self._segments is None:
            return self._model(inputs)

        def run(state: State, segment: Segment) -> Any:
            return checkpoint(
                segment.run,
                state,
                use_reentrant=False,
                context_fn=lambda: (nullcontext(), self._again()),
            )

        logits = reduce(run, self._segments, inputs)
        replay()
        return logits

    def spare(self, piece: Piece, run: str) -> None:
        """After memory did not do for a step's largest piece; UserError where nothing is left."""
        torch.cuda.empty_cache()
        most = max(len(unit) for unit in piece.units) if self._by_unit else len(piece.places)
        at_once = min(self.at_once, most)
        if at_once > 1 and not self._by_unit:
            self.at_once = (at_once + 1) // 2
        elif self._segments is not None and not self._twice:
            self._twice = True
        else:
            least = f"The {most}" if self._by_unit else "Single"
            raise UserError(
                f"{least} clips of {run} do not fit the memory of {self._where}, even "
                "with activations computed twice; use a larger GPU, lower recipe.norm_clips, or "
                "show fewer frames or pixels (input.frames, input.size)."
            )

    @contextmanager
    def _again(self) -> Iterator[None]:
        """A forward pass that is repeated: batch norms have seen these clips already."""
        before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in self._norms]
        for norm, _, seen in before:
            norm.momentum = 0.0
            norm.num_batches_tracked = None if seen is None else seen.clone()
        try:
            yield
        finally:
            for norm, momentum, seen in before:
                norm.momentum, norm.num_batches_tracked = momentum, seen


def chunks(places: range, size: int) -> Iterator[range]:
    """Places in parts of at most `size`, one after the other."""
    for start in range(places.start, places.stop, size):
        yield range(start, min(start + size, places.stop))
