"""A sink that keeps a row of numbers for every clip: logits, or spectral means of taps."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from signal_perception.inference.blocks import Videos
from signal_perception.inference.device import to_host
from signal_perception.inference.passes import Clip


class Rows:
    """The numbers of each clip, until a block of videos is complete.

    Parameters
    ----------
    names: what is heard, in the order of the columns. numbers: name and values (n …) → (n columns)
        on their device.
    """

    def __init__(
        self, names: Sequence[str], numbers: Callable[[str, torch.Tensor], torch.Tensor]
    ) -> None:
        self._names, self._numbers = tuple(names), numbers
        self._clips: Sequence[Clip] = ()
        self._heard: dict[str, torch.Tensor] = {}
        self._rows: dict[tuple[int, int], np.ndarray] = {}

    def hears(self, name: str) -> bool:
        return name in self._names

    def begin(self, clips: Sequence[Clip]) -> None:
        self._clips = clips
        self._heard.clear()

    def hear(self, name: str, values: torch.Tensor) -> None:
        self._heard[name] = self._numbers(name, values)

    def end(self) -> Callable[[], object]:
        clips = self._clips
        found = torch.cat([self._heard.pop(name) for name in self._names], dim=1)
        host = to_host(found[: len(clips)])

        def keep() -> None:
            for clip, row in zip(clips, host.numpy(), strict=True):
                self._rows[clip.input, clip.row] = row

        return keep

    def take(self, block: Videos, inputs: int, views: int) -> np.ndarray:
        """The rows of a complete block, which are forgotten: (inputs, videos·views, columns)."""
        rows = [number * views + view for number in block.numbers for view in range(views)]
        return np.stack(
            [np.stack([self._rows.pop((place, row)) for row in rows]) for place in range(inputs)]
        )
