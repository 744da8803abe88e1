"""Noise added to the weights of a model, and taken away again without a trace."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from signal_perception.models.core.taps import Weights
from signal_perception.noise.definitions import (
    MASKS,
    ORDERS,
    SCALES,
    Cell,
    Draw,
    address,
    change,
    check_known,
    chosen_layers,
    draw,
    effective_sigma,
    pool_layers,
)
from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Disturbance:
    """What a cell did to the model.

    blocks: those it chose, in execution order. sha256: of ΔW over all slices.
    """

    blocks: tuple[int, ...]
    sha256: str


class Disturber:
    """A model whose weights can be disturbed cell by cell.

    The clean weights are kept from the moment this is made. The draws of one repeat stay in memory
    (12 bytes per disturbed element) until a cell of another repeat is asked for, so going through
    all cells of one repeat before the next is quickest. Under autocast, enter `disturbed` first:
    autocast caches cast weights.

    Parameters
    ----------
    model: any module; what it computes in between is no concern of this class, but nobody else may
        change its weights.
    weights: component → slices in execution order (`registry.components`).
    seed: of all draws. scale: one of SCALES. mask: one of MASKS. order: one of ORDERS.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, Sequence[Weights]],
        *,
        seed: int,
        scale: str = "absolute",
        mask: str = "exact",
        order: str = "random",
    ):
        check_known("scale of the noise", scale, SCALES)
        check_known("mask", mask, MASKS)
        check_known("order of layers", order, ORDERS)
        self._weights, self._seed = weights, seed
        self._scale, self._mask, self._order = scale, mask, order
        self._parameters = dict(model.named_parameters())
        self._clean = {
            name: self._parameters[name].detach().clone()
            for name in dict.fromkeys(w.parameter for slices in weights.values() for w in slices)
        }
        self._repeat: int | None = None
        self._draws: dict[tuple[str, str], Draw] = {}
        self._active = False

    def blocks(self, cell: Cell, repeat: int) -> tuple[int, ...]:
        """The blocks that a cell disturbs in a repeat, in execution order.

        Everything before the first of them computes as if clean.
        """
        blocks = list(dict.fromkeys(w.block for w in self._slices(cell.component)))
        places = chosen_layers(
            len(blocks), cell.pool, cell.rho, order=self._order, seed=self._seed, repeat=repeat
        )
        return () if cell.clean else tuple(blocks[place] for place in places)

    @contextmanager
    def disturbed(self, cell: Cell, repeat: int) -> Iterator[Disturbance]:
        """The model with the cell's noise in it; afterwards its weights are bit for bit clean."""
        if self._active:
            raise RuntimeError("The model is disturbed already; leave one cell before the next.")
        blocks = self.blocks(cell, repeat)
        slices = [w for w in self._slices(cell.component) if w.block in blocks]
        self._active = True
        try:
            yield Disturbance(blocks, self._add(cell, repeat, slices))
        finally:
            with torch.no_grad():
                for name in {w.parameter for w in slices}:
                    self._parameters[name].copy_(self._clean[name])
            self._active = False

    def relative_amplitude(self, cell: Cell) -> float:
        """κ = σ√γ/rms(W) over all slices of the pool, as if ρ were 1.

        The root of the expected energy of ΔW over that of W: a ratio of amplitudes.
        """
        slices = self._slices(cell.component)
        blocks = list(dict.fromkeys(w.block for w in slices))
        pool = {blocks[layer] for layer in pool_layers(len(blocks), cell.pool)}
        clean = [self._clean[w.parameter][w.start : w.stop] for w in slices if w.block in pool]
        noise = sum(self._sigma(w, cell) ** 2 * cell.gamma * w.numel() for w in clean)
        signal = sum(float(np.square(_numbers(w)).sum()) for w in clean)
        return math.sqrt(noise / signal) if signal else math.inf

    @torch.no_grad()
    def _add(self, cell: Cell, repeat: int, slices: Sequence[Weights]) -> str:
        """Add the noise to the clean weights in float32; answer with the SHA-256 of ΔW.

        Over every slice's name, shape and ΔW (little-endian float32).
        """
        digest = hashlib.sha256()
        for w in slices:
            clean = self._clean[w.parameter][w.start : w.stop]
            drawn = self._draw(w, clean.numel(), repeat)
            noise = change(drawn, self._sigma(clean, cell), cell.gamma)
            names = [*address(w.parameter, w.component), *map(str, clean.shape), ""]
            digest.update("\x1f".join(names).encode())
            digest.update(noise.astype("<f4", copy=False).tobytes())
            added = torch.from_numpy(noise).view(clean.shape).to(clean.device)
            noisy = (clean.float() + added).to(clean.dtype)
            # where nothing is added, keep the very bits: −0 + 0 is +0, and float64 does not
            # survive float32
            result = torch.where(added == 0, clean, noisy)
            self._parameters[w.parameter][w.start : w.stop] = result
        return digest.hexdigest()

    def _sigma(self, weight: Tensor, cell: Cell) -> float:
        if self._scale == "absolute":
            return cell.sigma
        return effective_sigma(_numbers(weight), cell.sigma, self._scale)

    def _draw(self, w: Weights, size: int, repeat: int) -> Draw:
        if repeat != self._repeat:
            self._repeat, self._draws = repeat, {}
        key = address(w.parameter, w.component)
        if key not in self._draws:
            self._draws[key] = draw(
                size,
                seed=self._seed,
                repeat=repeat,
                address=key[0],
                part=key[1],
                mask=self._mask,
            )
        return self._draws[key]

    def _slices(self, component: str) -> Sequence[Weights]:
        if not self._weights.get(component):
            existing = ", ".join(sorted(name for name, found in self._weights.items() if found))
            raise UserError(
                f"The model has no component '{component}' to disturb; choose one of {existing}."
            )
        return self._weights[component]


def _numbers(weight: Tensor) -> NDArray[np.float64]:
    """A weight in float64 on the CPU: a scale comes out the same on every device."""
    return weight.detach().cpu().double().numpy()
