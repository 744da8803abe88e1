"""Means of a tap out of its stored activations: the one file of this room that imports torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from signal_perception.extract.store import TapFacts
from signal_perception.fourier import sums
from signal_perception.inference.ahead import read_ahead

# Bytes of one batch in memory; three of them are there at once, one at work and two read ahead.
_BATCH = 1 << 26

# Number of an input, first row, and the row after the last.
Rows = tuple[int, int, int]


def means(array: zarr.Array, tap: TapFacts) -> dict[str, NDArray[np.float64]]:
    """The means of every clip of a tap, on the CPU.

    Parameters
    ----------
    array: activations (input video time height width channel).

    Returns
    -------
    An array per transform (inputs, rows, 3, bins), and `dead` (inputs, rows).
    """
    epsilons = sums.Epsilons(tap.epsilon_temporal, tap.epsilon_spatial, tap.epsilon_spatiotemporal)
    found: list[dict[str, NDArray]] = []
    with _one_thread():
        for values in read_ahead(partial(_read, array), _batches(array)):
            batch = sums.means(torch.from_numpy(values), epsilons)
            found.append({name: each.numpy() for name, each in batch.items()})
    inputs = array.shape[0]
    joined = {name: np.concatenate([batch[name] for batch in found]) for name in found[0]}
    return {name: each.reshape(inputs, -1, *each.shape[1:]) for name, each in joined.items()}


def _batches(array: zarr.Array) -> Iterator[Rows]:
    """Rows to read at once, input by input: a shard, or the part of one that memory allows."""
    inputs, rows = array.shape[:2]
    shard = (array.shards or array.chunks)[1]
    row = int(np.prod(array.shape[2:])) * array.dtype.itemsize
    step = max(1, min(shard, _BATCH // row))
    for name in range(inputs):
        for first in range(0, rows, shard):
            end = min(first + shard, rows)
            for start in range(first, end, step):
                yield name, start, min(start + step, end)


def _read(array: zarr.Array, rows: Rows) -> NDArray:
    name, start, stop = rows
    return np.asarray(array[name, start:stop])


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of torch: threads order sums, and results are the same on any number of cores.

    Taps are measured side by side by processes (SIGNAL_PERCEPTION_WORKERS).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
