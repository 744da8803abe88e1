"""Dropout and drop path whose draws belong to a clip, not to the batch that it runs in.

So a step gives the same gradient, to rounding, on one device or on several, at once or in parts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from signal_perception import seeding
from signal_perception.models.core.timm_layers import DropPath


class Drops:
    """All modules of a model that drop at random, put in place of its own.

    Parameters
    ----------
    model: is changed; its parameters and their names are not.
    seed, run: what draws derive from, with the step and the clip's place in it.
    """

    def __init__(self, model: nn.Module, seed: int, run: str):
        self._seed, self._run = seed, run
        self._generators: list[np.random.Generator] = []
        found = [
            (parent, name, child)
            for parent in model.modules()
            for name, child in parent.named_children()
            if (isinstance(child, nn.Dropout) and child.p) or isinstance(child, DropPath)
        ]
        self._modules: list[_Drop] = []
        for parent, name, child in found:
            whole = isinstance(child, DropPath)
            rate = float(child.drop_prob if whole else child.p)
            if rate:
                drop = _Drop(self, rate, whole).train(child.training)
                setattr(parent, name, drop)
                self._modules.append(drop)

    @contextmanager
    def of(self, step: int, places: Sequence[int]) -> Iterator[None]:
        """Draw for clips at these places of a step, inside.

        A forward pass that is repeated during the backward one, to spare memory, meets the same
        draws.
        """
        if self._modules:
            names = ("drop", self._run, step)
            self._generators = [seeding.generator(self._seed, *names, p) for p in places]
        try:
            yield
        finally:
            for module in self._modules:
                module.forget()

    def replay(self) -> None:
        """What follows repeats the forward pass that has just ended."""
        for module in self._modules:
            module.replay()

    def draw(self, each: int) -> np.ndarray:
        """Uniform numbers, float32 (clips, each)."""
        return np.stack([rng.random(each, np.float32) for rng in self._generators])

    @property
    def clips(self) -> int:
        return len(self._generators)


class _Drop(nn.Module):
    """x with parts set to 0 and the others divided by their share: in training, else x.

    whole: drop rows of x, (rows …), as drop path does; else single numbers. The rows of a clip lie
    next to one another, equally many of each.
    """

    def __init__(self, drops: Drops, rate: float, whole: bool):
        super().__init__()
        self._drops, self.rate, self._whole = drops, rate, whole
        self._factors: list[torch.Tensor] = []
        self._next: int | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        return x * self._factor(x)

    def forget(self) -> None:
        self._factors, self._next = [], None

    def replay(self) -> None:
        self._next = 0

    def _factor(self, x: torch.Tensor) -> torch.Tensor:
        if self._next is not None:
            factor = self._factors[self._next]
            self._next += 1
            return factor
        shape = (x.shape[0], *(1,) * (x.ndim - 1)) if self._whole else tuple(x.shape)
        drawn = self._drops.draw(int(np.prod(shape)) // self._drops.clips)
        keep = 1 - self.rate
        kept = torch.from_numpy((drawn < keep) / np.float32(keep)).to(x.device, x.dtype)
        self._factors.append(kept.view(shape))
        return self._factors[-1]
