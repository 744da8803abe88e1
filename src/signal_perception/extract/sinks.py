"""What extract does with the activations that a pass hears: keep them, or sum them up."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from signal_perception.extract import shards
from signal_perception.extract.store import BINS, TapFacts, activation_folder
from signal_perception.fourier import sums
from signal_perception.fourier.sums import Epsilons
from signal_perception.inference.device import to_host
from signal_perception.inference.passes import Clip
from signal_perception.inference.rows import Rows

_TYPES = {"float16": torch.float16, "float32": torch.float32}


class BeyondFloat16(Exception):
    """Activations of these taps are larger than float16 holds."""

    @property
    def taps(self) -> tuple[str, ...]:
        return self.args


class Activations:
    """A sink that writes the activations of chosen clips into their store.

    Numbers are rounded to the store's type on the device. From a GPU they are copied once and
    written beside its work; on a CPU they are written at once, so that memory holds no batch of
    all taps.

    Parameters
    ----------
    rows: row of a clip in the pass → its row in the store, of the clips that are kept.
    pool: see `StoreFacts`.
    """

    def __init__(
        self, store: Path, taps: Sequence[TapFacts], rows: Mapping[int, int], pool: str
    ) -> None:
        self._taps = {tap.tap: tap for tap in taps}
        self._rows, self._pool = rows, pool
        self._folders = {name: activation_folder(store, name) for name in self._taps}
        self._arrays = {name: _array(folder) for name, folder in self._folders.items()}
        self._clips: list[Clip] = []
        self._places: list[int] = []
        self._heard: dict[str, torch.Tensor] = {}
        self._peaks: dict[str, torch.Tensor] = {}

    def hears(self, name: str) -> bool:
        return name in self._taps

    def begin(self, clips: Sequence[Clip]) -> None:
        self._places = [place for place, clip in enumerate(clips) if clip.row in self._rows]
        self._clips = [clips[place] for place in self._places]
        self._heard, self._peaks = {}, {}

    def hear(self, name: str, values: torch.Tensor) -> None:
        if not self._clips:
            return
        if len(self._clips) < len(values):
            values = values[self._places]
        if self._pool == "space":
            values = values.mean((2, 3), keepdim=True)
        dtype = _TYPES[self._taps[name].dtype]
        peak = sums.peak(values).amax() if dtype is torch.float16 else None
        values = values.to(dtype)
        if not values.is_cuda:
            _refuse_beyond({name: peak.item() if peak is not None else 0.0})
            self._write(name, self._clips, values.numpy())
            return
        self._heard[name] = to_host(values)
        if peak is not None:
            self._peaks[name] = peak

    def end(self) -> Callable[[], object]:
        clips, heard, names = self._clips, self._heard, list(self._peaks)
        peaks = to_host(torch.stack([*self._peaks.values()])) if names else torch.empty(0)
        self._heard, self._peaks = {}, {}

        def write() -> None:
            _refuse_beyond(dict(zip(names, peaks.tolist())))
            for name, values in heard.items():
                self._write(name, clips, values.numpy())

        return write

    def _write(self, name: str, clips: Sequence[Clip], values: NDArray) -> None:
        for number in sorted({clip.input for clip in clips}):
            places = [place for place, clip in enumerate(clips) if clip.input == number]
            rows = [self._rows[clips[place].row] for place in places]
            shards.write(self._folders[name], self._arrays[name], number, rows, values[places])


def _refuse_beyond(peaks: Mapping[str, float]) -> None:
    """BeyondFloat16 for taps whose largest number is; NaN is no matter of the type and stays."""
    largest = torch.finfo(torch.float16).max
    beyond = [tap for tap, peak in peaks.items() if peak > largest]
    if beyond:
        raise BeyondFloat16(*beyond)


def means_of(taps: Sequence[TapFacts]) -> Rows:
    """A sink that keeps the means of every tap, in the columns that `split` takes apart."""
    epsilons = {
        tap.tap: Epsilons(tap.epsilon_temporal, tap.epsilon_spatial, tap.epsilon_spatiotemporal)
        for tap in taps
    }

    def numbers(name: str, values: torch.Tensor) -> torch.Tensor:
        found = sums.means(values, epsilons[name])
        parts = [found[transform].flatten(1) for transform in BINS]
        return torch.cat([*parts, found["dead"][:, None]], dim=1)

    return Rows([tap.tap for tap in taps], numbers)


def split(columns: NDArray, tap: TapFacts) -> dict[str, NDArray]:
    """The means of one tap from its columns (… columns): transform → (… 3 bins), `dead` (…)."""
    found: dict[str, NDArray] = {}
    start = 0
    for transform, bins in zip(BINS, tap.bins, strict=True):
        stop = start + 3 * bins
        found[transform] = columns[..., start:stop].reshape(*columns.shape[:-1], 3, bins)
        start = stop
    return {**found, "dead": columns[..., start]}


def _array(folder: Path) -> zarr.Array:
    return zarr.open_array(folder, mode="r")


def calibration(taps: Sequence[str], shapes: dict[str, tuple[int, ...]]) -> Rows:
    """A sink that keeps four numbers of every tap: `sums.powers`, then `sums.peak`.

    shapes: takes the shape (t h w c) of every tap.
    """

    def numbers(name: str, values: torch.Tensor) -> torch.Tensor:
        shapes[name] = tuple(values.shape[1:])
        return torch.cat([sums.powers(values), sums.peak(values).double()[:, None]], dim=1)

    return Rows(taps, numbers)


def by_tap(columns: NDArray, taps: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """The four numbers of each tap from the rows of `calibration`: (rows, 4)."""
    return dict(zip(taps, np.split(columns, len(taps), axis=-1), strict=True))
