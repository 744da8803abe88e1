"""Noise added to what taps hear, while a model runs on: the target beside its weights.

A layer is a block that has taps of the cell's kind. At each such tap of a chosen block the patches
of every clip get σ·mask⊙Z, one tensor (t h w c) for all clips; other tokens get nothing. It is
drawn by seed, repeat and the tap's name.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from signal_perception.models.core.state import State, Tokens
from signal_perception.models.core.taps import Tap, canonical, follow
from signal_perception.noise.definitions import Cell
from signal_perception.noise.draws import Draws
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import (
    Disturbance,
    chosen_blocks,
    little_endian,
    owned,
    pool_of,
)


class ActivationDisturber:
    """A model whose activations can be disturbed cell by cell, in any order.

    Parameters
    ----------
    model: any module. taps: kind → taps in execution order (`layers.tapped`).
    options: with every relative scale σ is in units of the clip's own root mean square over the
        patches that the tap hears.
    """

    def __init__(self, model: nn.Module, taps: Mapping[str, Sequence[Tap]], options: Options):
        self._model, self._taps, self._options = model, taps, options
        self._relative = options.scale != "absolute"
        self._draws = Draws(options.seed, options.mask)
        self._active = False

    def blocks(self, cell: Cell, repeat: int) -> tuple[int, ...]:
        """The blocks that a cell disturbs in a repeat, in execution order.

        Everything before the first of them computes as if clean.
        """
        return chosen_blocks(self._owned(cell), cell, self._options, repeat)

    @contextmanager
    def disturbed(self, cell: Cell, repeat: int, *, hashed: bool = True) -> Iterator[Disturbance]:
        """The model with the cell's noise on its activations in every forward pass.

        Who listens inside (`taps.listen`) hears the noise too. The hooks are gone afterwards.

        hashed: whether the SHA-256 is wanted. It is known when the context is left, since the
        model's input decides how many numbers are drawn: over all taps that ran, in execution
        order, with name, shape and σ·mask⊙Z (little-endian float32, σ as the cell has it).
        """
        if self._active:
            raise RuntimeError("The model is disturbed already; leave one cell before the next.")
        blocks = self.blocks(cell, repeat)
        disturbance = Disturbance(blocks, "")
        changes = {
            tap: _Change(partial(self._noise, tap, cell, repeat), self._relative)
            for tap in self._owned(cell)
            if tap.block in blocks
        }

        def visit(tap: Tap, output: State, grid: tuple[int, ...]) -> State:
            return changes[tap].made(tap, output, grid)

        self._active = True
        try:
            with follow(self._model, list(changes), visit):
                yield disturbance
            if hashed:
                disturbance.sha256 = _sha256(changes)
        finally:
            self._active = False

    def relative_amplitude(self, cell: Cell) -> float:
        """κ = σ√(γ·p/P) of a relative scale; NaN for absolute noise, where the data decide."""
        pool_of(self._owned(cell), cell)
        if not self._relative:
            return math.nan
        return cell.sigma * math.sqrt(cell.gamma * cell.layers / cell.pool_layers)

    def _noise(
        self, tap: Tap, cell: Cell, repeat: int, shape: torch.Size, where: torch.device
    ) -> Tensor:
        """σ·mask⊙Z of a tap that hears clips of this shape (t h w c), float32."""
        drawn = self._draws.of(math.prod(shape), repeat, tap.name, "", where)
        # x + −0 is x, bit for bit, also where x is −0
        return drawn.noise(cell.sigma, cell.gamma, outside=-0.0).view(shape)

    def _owned(self, cell: Cell) -> Sequence[Tap]:
        if cell.kind != "activations":
            raise ValueError(f"Noise of kind {cell.kind} is for a Disturber.")
        return owned(self._taps, cell.component, "kind of tap")


class _Change:
    """What changes the output of one tap's module.

    noise: (t h w c) for each shape of clips that came by. draw: makes it for a shape and a device.
    """

    def __init__(self, draw: Callable[[torch.Size, torch.device], Tensor], relative: bool):
        self.noise: dict[torch.Size, Tensor] = {}
        self._draw, self._relative = draw, relative

    def made(self, tap: Tap, output: State, grid: tuple[int, ...]) -> State:
        """A changed copy of the output, in its own dtype."""
        changed = (output.x if isinstance(output, Tokens) else output).clone()
        # a view: what is added to it stands in the copy
        heard = canonical(tap, changed, grid)
        with torch.no_grad():
            noise = self._of(heard)
        heard += noise
        return output._replace(x=changed) if isinstance(output, Tokens) else changed

    def _of(self, heard: Tensor) -> Tensor:
        """The noise for an activation (b t h w c): (t h w c), or (b t h w c) if relative."""
        shape = heard.shape[1:]
        if shape not in self.noise:
            self.noise[shape] = self._draw(shape, heard.device)
        return self.noise[shape] * _rms(heard) if self._relative else self.noise[shape]


def _rms(heard: Tensor) -> Tensor:
    """Root mean square of each clip (b t h w c), (b 1 1 1 1) float32.

    One clip after the other: a sum over a batch takes another order in a batch of another size.
    """
    norms = [torch.linalg.vector_norm(clip.reshape(-1), dtype=torch.float64) for clip in heard]
    rms = torch.stack(norms) / math.sqrt(heard[0].numel())
    return rms.float().view(-1, 1, 1, 1, 1)


def _sha256(changes: Mapping[Tap, _Change]) -> str:
    """Of the noise at all taps that ran; empty where none did."""
    digest, ran = hashlib.sha256(), False
    for tap, change in changes.items():
        for shape, noise in sorted(change.noise.items()):
            ran = True
            digest.update("\x1f".join([tap.name, *map(str, shape), ""]).encode())
            # 0 outside the mask, as ΔW of weights has it
            digest.update(little_endian(noise + 0.0))
    return digest.hexdigest() if ran else ""
