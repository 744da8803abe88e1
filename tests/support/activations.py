"""A small activation store, written by the code that writes large ones."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import zarr

from signal_perception.extract import shards, store, store_writer
from signal_perception.extract.store import Part, StoreFacts, TapFacts

PART = Part(ids=("a", "b", "c"), groups=("g", "g", "h"), labels=("x", "y", "x"), clips=1)
CHOSEN = Part(ids=("a", "c"), groups=("g", "h"), labels=("x", "x"), clips=1)
INPUTS = ("clip", "static")
FACTS = StoreFacts(INPUTS, 0.1, "0", "none", PART, CHOSEN)
_RNG = np.random.default_rng(0)


def _tap(name: str, order: int, shape: tuple[int, int, int, int], dtype: str) -> TapFacts:
    return TapFacts(name, "mlp", order - 1, "stream", 2.0, order, shape, 1e-6, 2e-6, 3e-6, dtype)


TAPS = [_tap("00.mlp", 1, (8, 4, 4, 3), "float16"), _tap("01.mlp", 2, (4, 6, 6, 2), "float32")]
ACTIVATIONS = {tap.tap: _RNG.normal(size=(2, 2, *tap.shape)).astype(tap.dtype) for tap in TAPS}


def _means(tap: TapFacts) -> dict[str, np.ndarray]:
    names = dict(zip(store.BINS, tap.bins, strict=True))
    found = {name: _RNG.normal(size=(2, 3, 3, bins)) for name, bins in names.items()}
    # of the first tap no series is dead: a chunk of zeros is written, too
    return found | {"dead": np.zeros((2, 3)) if tap.order == 1 else _RNG.uniform(size=(2, 3))}


MEANS: Mapping[str, Mapping[str, np.ndarray]] = {tap.tap: _means(tap) for tap in TAPS}


def make(path: Path) -> Path:
    """A store of means and activations of two taps."""
    store_writer.create(path, FACTS, TAPS)
    for tap in TAPS:
        folder = path / "activations" / tap.tap / "activation"
        array = zarr.open_array(folder, mode="r")
        for number in range(2):
            shards.write(folder, array, number, [0, 1], ACTIVATIONS[tap.tap][number])
        store_writer.write_means(path, FACTS, tap, MEANS[tap.tap])
    store_writer.finish(path, FACTS, TAPS)
    return path
