"""Spectra from a store of activations, beside reading it and beside a plain loop in NumPy."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import zarr

from benchmarks import timing, work
from benchmarks.subjects import Subject
from signal_perception.clips.datasets import TestClips
from signal_perception.extract.store import ActivationStore, TapFacts
from signal_perception.spectra.measure import means

# Bytes that spectra read at once.
_BATCH = 1 << 26
# Taps of the plain loop, and its clips: it is slow.
_TAPS, _CLIPS = 4, 32


def measured(
    subject: Subject, clips: TestClips, folder: Path, count: int, rounds: int
) -> Iterator[str]:
    """Spectra of all taps ÷ reading them; a plain loop over some taps ÷ spectra of these."""
    each = work.of(subject, clips)
    store = each.filled_store(count, folder / "spectra.zarr")
    opened = ActivationStore(store)
    every = [(opened.activation(tap.tap), tap) for tap in each.facts]
    sides: dict[str, Callable[[], object]] = {
        "spectra": lambda: [means(array, tap) for array, tap in every],
        "read": lambda: [_read(array) for array, _ in every],
    }
    seconds = timing.paired(sides, rounds)
    size = each.clip_bytes * count / 1e6
    rates = {side: timing.spread([size / each.wall for each in seconds[side]]) for side in sides}
    yield (
        f"{size:.0f} MB of {len(every)} taps: spectra (three transforms) {rates['spectra']} MB/s, "
        f"reading {rates['read']} MB/s, ratio {timing.ratio(seconds, 'spectra', 'read')} "
        "(wanted ≤ 1.5)"
    )
    store = each.filled_store(min(count, _CLIPS), store)
    yield _plain(ActivationStore(store), each.facts[1:], rounds)


def _plain(store: ActivationStore, taps: Sequence[TapFacts], rounds: int) -> str:
    """A plain loop over clips of a few taps, in time alone, beside the same taps' spectra."""
    chosen = [(store.activation(tap.tap), tap) for tap in taps[:: -(-len(taps) // _TAPS)]]
    found: dict[str, list[np.ndarray]] = {}

    def ours() -> None:
        found["ours"] = [means(array, tap)["temporal"][0] for array, tap in chosen]

    def loop() -> None:
        found["loop"] = [_loop(array, tap.epsilon_temporal) for array, tap in chosen]

    seconds = timing.paired({"loop": loop, "ours": ours}, rounds)
    apart = max(
        float((np.abs(a - b) / np.abs(b).max()).max())
        for a, b in zip(found["ours"], found["loop"], strict=True)
    )
    return (
        f"loop in NumPy over the clips of {len(chosen)} taps (in time alone, float64) ÷ spectra of "
        f"these (all three transforms) {timing.ratio(seconds, 'loop', 'ours')} "
        f"(wanted ≥ 3); means in time differ by {apart:.0e}"
    )


def _loop(array: zarr.Array, epsilon: float) -> np.ndarray:
    """Mean ln(A+ε), A and A² in time of each clip: (clips, 3, bins)."""
    rows = []
    for row in range(array.shape[1]):
        amplitude = np.abs(np.fft.rfft(np.asarray(array[0, row]).astype(np.float64), axis=0))
        each = np.log(amplitude + epsilon), amplitude, amplitude**2
        rows.append([values.mean((1, 2, 3)) for values in each])
    return np.array(rows)


def _read(array: zarr.Array) -> None:
    """Read all of it, in the batches of `measure.means`."""
    inputs, rows = array.shape[:2]
    shard = (array.shards or array.chunks)[1]
    row = int(np.prod(array.shape[2:])) * array.dtype.itemsize
    step = max(1, min(shard, _BATCH // row))
    for number in range(inputs):
        for first in range(0, rows, shard):
            end = min(first + shard, rows)
            for start in range(first, end, step):
                np.asarray(array[number, start : min(start + step, end)])
