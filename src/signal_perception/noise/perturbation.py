"""Noise added to the weights of a model, and taken away again without a trace."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from signal_perception.models.core import registry
from signal_perception.models.core.taps import Weights
from signal_perception.noise.definitions import (
    Cell,
    Size,
    address,
    cell,
    chosen_layers,
    measure,
    pool_layers,
    relative_amplitude,
)
from signal_perception.noise.draws import Drawn, Draws
from signal_perception.noise.options import Options
from signal_perception.pipeline.errors import UserError


@dataclass
class Disturbance:
    """What a cell did to the model.

    blocks: those it chose, in execution order. sha256: of ΔW over all slices; empty where the cell
    is clean or nobody asked.
    """

    blocks: tuple[int, ...]
    sha256: str


class Disturber:
    """A model whose weights can be disturbed cell by cell, in any order.

    The clean weights are kept from the moment this is made, on the model's device; so are the draws
    (see `draws.KEPT_BYTES`). Under autocast, enter `disturbed` first: autocast caches cast weights.

    Parameters
    ----------
    model: any module; what it computes in between is no concern of this class, but nobody else may
        change its weights.
    weights: component → slices in execution order (`registry.components`).
    gradient: answers with the gradient of the loss, parameter's name → float32, of the clean model;
        it is called once, for the first cell of kind `gradient`.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, Sequence[Weights]],
        options: Options,
        *,
        gradient: Callable[[], Mapping[str, Tensor]] | None = None,
    ):
        self._weights, self._options = weights, options
        self._draws = Draws(options.seed, options.mask)
        self._parameters = dict(model.named_parameters())
        self._clean = {
            name: self._parameters[name].detach().clone()
            for name in dict.fromkeys(w.parameter for slices in weights.values() for w in slices)
        }
        self._sizes: dict[Weights, Size] = {}
        self._gradient, self._found = gradient, None
        self._active = False

    def blocks(self, cell: Cell, repeat: int) -> tuple[int, ...]:
        """The blocks that a cell disturbs in a repeat, in execution order.

        Everything before the first of them computes as if clean.
        """
        return chosen_blocks(self._slices(cell), cell, self._options, repeat)

    @contextmanager
    def disturbed(self, cell: Cell, repeat: int, *, hashed: bool = True) -> Iterator[Disturbance]:
        """The model with the cell's noise in it; afterwards its weights are bit for bit clean.

        hashed: whether the SHA-256 of ΔW is wanted, over every slice's name, shape and ΔW
        (little-endian float32).
        """
        if self._active:
            raise RuntimeError("The model is disturbed already; leave one cell before the next.")
        blocks = self.blocks(cell, repeat)
        slices = [w for w in self._slices(cell) if w.block in blocks]
        self._active = True
        try:
            yield Disturbance(blocks, self._add(cell, repeat, slices, hashed))
        finally:
            with torch.no_grad():
                for w in slices:
                    self._rows(w).copy_(self._clean_rows(w))
            self._active = False

    def relative_amplitude(self, cell: Cell) -> float:
        """κ, see `definitions.relative_amplitude`."""
        slices = self._slices(cell)
        pool = {blocks_of(slices)[layer] for layer in pool_of(slices, cell)}
        return relative_amplitude(cell, [self._size(w) for w in slices if w.block in pool])

    @torch.no_grad()
    def _add(self, cell: Cell, repeat: int, slices: Sequence[Weights], hashed: bool) -> str:
        """Add ΔW to the clean weights in float32; answer with its SHA-256, where that is wanted."""
        digest = hashlib.sha256()
        for w, change in self._changes(cell, repeat, slices):
            clean = self._clean_rows(w)
            if hashed:
                names = [*address(w.parameter, w.component), *map(str, clean.shape), ""]
                digest.update("\x1f".join(names).encode())
                digest.update(little_endian(change))
            noisy = (clean.float() + change).to(clean.dtype)
            # where nothing is added, keep the very bits: −0 + 0 is +0, and float64 does not
            # survive float32
            self._rows(w).copy_(torch.where(change == 0, clean, noisy))
        return digest.hexdigest() if hashed and slices else ""

    def _changes(
        self, cell: Cell, repeat: int, slices: Sequence[Weights]
    ) -> Iterator[tuple[Weights, Tensor]]:
        """ΔW of each slice, in its shape, float32."""
        if cell.kind == "weights":
            for w in slices:
                yield w, self._noise(w, cell, repeat)
        elif slices:
            # of the clean model, so before the first change
            step = self._step(cell, repeat, slices)
            for w in slices:
                yield w, self._uphill(w, cell, repeat).mul_(step)

    def _noise(self, w: Weights, cell: Cell, repeat: int) -> Tensor:
        """σ·mask⊙Z."""
        noise = self._drawn(w, repeat).noise(cell.sigma * self._size(w).unit, cell.gamma)
        return noise.view(self._clean_rows(w).shape)

    def _uphill(self, w: Weights, cell: Cell, repeat: int) -> Tensor:
        """mask⊙g: where the loss rises, at the places that the noise would have."""
        if self._found is None:
            if self._gradient is None:
                raise ValueError("A cell of kind gradient needs a Disturber that is given one.")
            self._found = self._gradient()
        clean = self._clean_rows(w)
        g = self._found[w.parameter][w.start : w.stop].to(clean.device, torch.float32, copy=True)
        return self._drawn(w, repeat).masked(g.reshape(-1), cell.gamma).view(clean.shape)

    def _step(self, cell: Cell, repeat: int, slices: Sequence[Weights]) -> float:
        """c > 0 such that c·mask⊙g has the energy of σ·mask⊙Z over all slices."""
        wanted = math.fsum(energy(self._noise(w, cell, repeat)) for w in slices)
        given = math.fsum(energy(self._uphill(w, cell, repeat)) for w in slices)
        if not wanted:
            return 0.0
        step = math.sqrt(wanted / given) if given else math.inf
        if not 0 < step < np.finfo(np.float32).max:
            raise UserError(
                f"The gradient of the loss at the weights of {cell.component!r} that are to be "
                f"disturbed has the norm {math.sqrt(given)}, which says no way up; set "
                "noise.worst_case to false, or take this component out of the grids."
            )
        return float(np.float32(step))

    def _drawn(self, w: Weights, repeat: int) -> Drawn:
        clean = self._clean_rows(w)
        names = address(w.parameter, w.component)
        return self._draws.of(clean.numel(), repeat, *names, clean.device)

    def _size(self, w: Weights) -> Size:
        """Computed once, in float64 on the CPU: the same on every device."""
        if w not in self._sizes:
            numbers = self._clean_rows(w).cpu().double().numpy()
            self._sizes[w] = measure(numbers, self._options.scale)
        return self._sizes[w]

    def _rows(self, w: Weights) -> Tensor:
        return self._parameters[w.parameter][w.start : w.stop]

    def _clean_rows(self, w: Weights) -> Tensor:
        return self._clean[w.parameter][w.start : w.stop]

    def _slices(self, cell: Cell) -> Sequence[Weights]:
        if cell.kind == "activations":
            raise ValueError("Noise on activations is for an ActivationDisturber.")
        return owned(self._weights, cell.component, "component")


@contextmanager
def perturbed(
    model: nn.Module,
    component: str,
    *,
    pool: str = "all",
    sigma: float,
    gamma: float = 1.0,
    rho: float = 1.0,
    repeat: int = 0,
    seed: int = 0,
    scale: str = "absolute",
    mask: str = "exact",
    order: str = "random",
) -> Iterator[Disturbance]:
    """Any model of this project with noise on weights inside a `with`; clean again afterwards.

    with perturbed(model, "spatial_attn.v", pool="middle", sigma=0.2, gamma=0.45): model(clips)

    The noise is that of a study with the same seed and settings.
    """
    slices = owned(registry.components_of(model), component, "component")
    asked = cell(component, len(blocks_of(slices)), pool=pool, sigma=sigma, gamma=gamma, rho=rho)
    disturber = Disturber(model, {component: slices}, Options(seed, scale, mask, order))
    with disturber.disturbed(asked, repeat) as disturbance:
        yield disturbance


class Piece(Protocol):
    """What a block owns and a cell disturbs: a slice of weights, or a tap."""

    @property
    def block(self) -> int: ...


_Piece = TypeVar("_Piece", bound=Piece)


def owned(having: Mapping[str, Sequence[_Piece]], name: str, what: str) -> Sequence[_Piece]:
    """The pieces of this name, in execution order; UserError where the model has none."""
    if not having.get(name):
        existing = ", ".join(sorted(each for each, pieces in having.items() if pieces))
        raise UserError(f"The model has no {what} {name!r} to disturb; choose one of {existing}.")
    return having[name]


def blocks_of(pieces: Sequence[Piece]) -> list[int]:
    """The blocks that own them, in execution order: these are the layers."""
    return list(dict.fromkeys(piece.block for piece in pieces))


def pool_of(pieces: Sequence[Piece], cell: Cell) -> range:
    """The layers of a cell's pool."""
    pool = pool_layers(len(blocks_of(pieces)), cell.pool)
    if len(pool) != cell.pool_layers:
        raise ValueError(f"{cell} has a pool of another size; this model's has {len(pool)}.")
    return pool


def chosen_blocks(
    pieces: Sequence[Piece], cell: Cell, options: Options, repeat: int
) -> tuple[int, ...]:
    """The blocks that a cell disturbs in a repeat, in execution order; none where it is clean."""
    pool_of(pieces, cell)
    if cell.clean:
        return ()
    blocks = blocks_of(pieces)
    layers = chosen_layers(
        len(blocks), cell.pool, cell.layers, order=options.order, seed=options.seed, repeat=repeat
    )
    return tuple(blocks[layer] for layer in layers)


def energy(values: Tensor) -> float:
    """Sum of squares in float64, in NumPy's order: the same on every device."""
    return float(np.square(values.cpu().numpy().reshape(-1), dtype=np.float64).sum())


def little_endian(values: Tensor) -> bytes:
    """The bytes of float32 values."""
    return values.cpu().numpy().astype("<f4", copy=False).tobytes()
