"""Writers and readers of shards: ours, zarr-python's, zarrs and TensorStore.

The last two are no dependencies of the project: `pip install zarrs tensorstore` to see them here.
"""

import hashlib
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from benchmarks import timing, work
from benchmarks.subjects import Subject
from signal_perception.clips.datasets import TestClips
from signal_perception.extract import shards
from signal_perception.extract.store import TapFacts
from signal_perception.inference.batch import ON_CPU

# Of the unit that is written: clips, and taps at most.
_CLIPS, _TAPS = 32, 24


@dataclass(frozen=True)
class Unit:
    """What is written: the same values (clips t h w c) for each of so many taps."""

    values: NDArray[np.float16]
    taps: int

    @property
    def mb(self) -> float:
        return self.values.nbytes * self.taps / 1e6


Write = Callable[[Path, NDArray], object]
Read = Callable[[Path], NDArray]


def compared(subject: Subject, clips: TestClips, folder: Path, rounds: int) -> Iterator[str]:
    """A line per writer and reader, in MB/s, then whether bytes and values are equal."""
    facts = work.of(subject, clips).facts[1 : 1 + _TAPS]
    unit, folder = _unit(facts), folder / "writers"
    yield f"{unit.taps} taps × {_CLIPS} clips of {unit.values.shape[1:]} float16, {unit.mb:.0f} MB"
    writers = _writers()
    for missing in {"zarrs", "tensorstore"} - set(writers):
        yield f"{missing} is not installed here and is left out"
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        names = list(writers)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            seconds = _written(folder / name, unit, name, writers[name])
            rates.setdefault(name, []).append(unit.mb / seconds)
            # one folder of each stays for the readers
            if number + 1 < rounds and name != "ours":
                shutil.rmtree(folder / name)
    yield f"written, MB/s: {_sorted(rates)}"
    yield from _equal(folder, unit, list(writers))
    yield f"read, MB/s: {_sorted(_readings(folder / 'ours', unit, rounds))}"
    shutil.rmtree(folder)


def _unit(facts: Sequence[TapFacts]) -> Unit:
    shape = facts[0].shape
    rng = np.random.default_rng(0)
    return Unit(rng.standard_normal((_CLIPS, *shape), np.float32).astype(np.float16), len(facts))


def _writers() -> dict[str, Write]:
    """Name → what writes all clips of a tap into its array, whose metadata are there."""
    found: dict[str, Write] = {"ours": _ours, "zarr": _zarr, "zarr with zstd": _zarr}
    if find_spec("zarrs"):
        found["zarrs"] = _zarr
    if find_spec("tensorstore"):
        found["tensorstore"] = lambda path, values: _tensorstore(path)[0].write(values).result()
    return found


def _written(folder: Path, unit: Unit, name: str, write: Write) -> float:
    """Seconds of all taps; the arrays are made before."""
    shutil.rmtree(folder, ignore_errors=True)
    paths = [folder / str(tap) for tap in range(unit.taps)]
    for path in paths:
        _create(path, unit.values.shape, zstd=name.endswith("zstd"))
    with _pipeline(name):
        return timing.once(lambda: [write(path, unit.values) for path in paths])


def _create(path: Path, shape: tuple[int, ...], zstd: bool) -> None:
    """An array as `store_writer.create` makes it, all clips in one shard."""
    zarr.create_array(
        path,
        shape=(1, *shape),
        chunks=(1, 1, *shape[1:]),
        shards=(1, *shape),
        dtype="float16",
        compressors=[ZstdCodec(level=1), Crc32cCodec()] if zstd else [Crc32cCodec()],
        chunk_key_encoding=shards.KEYS,
    )


def _pipeline(name: str) -> AbstractContextManager[object]:
    if name != "zarrs":
        return nullcontext()
    return zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})


def _ours(path: Path, values: NDArray) -> None:
    """As the pass does: the shard is prepared, then filled batch by batch."""
    array = zarr.open_array(path, mode="r")
    shards.prepare(path, array)
    for start in range(0, len(values), ON_CPU):
        stop = start + ON_CPU
        shards.write(path, array, 0, range(start, min(stop, len(values))), values[start:stop])


def _zarr(path: Path, values: NDArray) -> None:
    """The whole shard at once, which is the fastest that zarr-python can do."""
    zarr.open_array(path, mode="r+")[0] = values


def _tensorstore(path: Path):
    import tensorstore  # type: ignore[import-not-found]

    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}}
    # no one else waits for the disk
    context = tensorstore.Context({"file_io_sync": False})
    return tensorstore.open(spec, open=True, context=context).result()


def _readings(folder: Path, unit: Unit, rounds: int) -> dict[str, list[float]]:
    """MB/s of each reader of the files that ours has written."""
    readers: dict[str, Read] = {
        "zarr": lambda path: np.asarray(zarr.open_array(path, mode="r")[0]),
        "bytes of the file alone": lambda path: np.fromfile(next(path.glob("c.*")), np.uint8),
    }
    if find_spec("zarrs"):
        readers["zarrs"] = readers["zarr"]
    if find_spec("tensorstore"):
        readers["tensorstore"] = lambda path: _tensorstore(path)[0].read().result()
    paths = [folder / str(tap) for tap in range(unit.taps)]

    def read(name: str) -> None:
        with _pipeline(name):
            for path in paths:
                readers[name](path)

    for name in readers:
        with _pipeline(name):
            found = readers[name](paths[0])
        if found.dtype != np.uint8 and not np.array_equal(found, unit.values):
            raise AssertionError(f"{name} reads other values than ours has written")
    seconds = timing.paired({name: partial(read, name) for name in readers}, rounds)
    return {name: [unit.mb / each.wall for each in found] for name, found in seconds.items()}


def _equal(folder: Path, unit: Unit, names: list[str]) -> Iterator[str]:
    """Which writers' files are those of ours, and whether zarr-python reads the same values."""
    hashes = {}
    for name in names:
        (file,) = (folder / name / "0").glob("c.*")
        hashes[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        if not np.array_equal(np.asarray(zarr.open_array(folder / name / "0")[0]), unit.values):
            raise AssertionError(f"{name} does not write the values that it was given")
    same = [name for name in names if hashes[name] == hashes["ours"] and name != "ours"]
    other = [name for name in names if hashes[name] != hashes["ours"]]
    yield (
        f"files equal to ours byte by byte: {', '.join(same) or 'none'}; "
        f"not: {', '.join(other) or 'none'}; values equal everywhere"
    )


def _sorted(rates: dict[str, list[float]]) -> str:
    """The fastest first."""
    order = sorted(rates, key=lambda name: -statistics.median(rates[name]))
    return ", ".join(f"{name} {timing.spread(rates[name])}" for name in order)
