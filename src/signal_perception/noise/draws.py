"""Draws on the device of what they disturb, kept for the cells that follow."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from signal_perception.noise.definitions import draw, reached

# The attentions of a ViT-B in 5 repeats take 0.85 GB: cells of several repeats may alternate, and
# each number is still drawn once.
KEPT_BYTES = 2**30


@dataclass(frozen=True)
class Drawn:
    """A `definitions.Draw` on a device: values (m,) float32 and score (m,) int32.

    mask: one of MASKS.
    """

    values: Tensor
    score: Tensor
    mask: str

    def noise(self, sigma: float, gamma: float, outside: float = 0.0) -> Tensor:
        """σ·mask⊙Z, (m,) float32, with `outside` where the mask is 0.

        One multiplication in float32, so the same bits on every device.
        """
        return self.masked(self.values * float(np.float32(sigma)), gamma, outside)

    def masked(self, values: Tensor, gamma: float, outside: float = 0.0) -> Tensor:
        """Values (m,), overwritten with `outside` where the mask is 0."""
        limit = reached(gamma, len(self.score), self.mask)
        return values.masked_fill_(self.score >= limit, outside)


class Draws:
    """Draws by name, 8 bytes per element; beyond `limit` bytes those unused for longest go.

    seed: of all draws. mask: one of MASKS. limit: one draw alone may be larger.
    """

    def __init__(self, seed: int, mask: str, limit: int = KEPT_BYTES):
        self._seed, self._mask, self._limit = seed, mask, limit
        # the longest unused comes first
        self._kept: dict[tuple[object, ...], Drawn] = {}

    def of(self, size: int, repeat: int, address: str, part: str, where: torch.device) -> Drawn:
        """The draw of a slice of `size` elements."""
        key = (size, repeat, address, part, where)
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)
            return self._kept[key]
        drawn = self._kept[key] = self._draw(size, repeat, address, part, where)
        while len(self._kept) > 1 and self.bytes > self._limit:
            del self._kept[next(iter(self._kept))]
        return drawn

    @property
    def bytes(self) -> int:
        """What the draws kept take."""
        return sum(drawn.values.nbytes + drawn.score.nbytes for drawn in self._kept.values())

    def _draw(self, size: int, repeat: int, address: str, part: str, where: torch.device) -> Drawn:
        made = draw(
            size, seed=self._seed, repeat=repeat, address=address, part=part, mask=self._mask
        )
        values, score = torch.from_numpy(made.values), torch.from_numpy(made.score)
        return Drawn(values.to(where), score.to(where), self._mask)
