"""Making an activation store, tap by tap; its layout is described where it is read, in `store`."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from signal_perception.extract import shards
from signal_perception.extract.store import (
    BINS,
    DIMENSIONS,
    MEANS,
    Part,
    StoreFacts,
    TapFacts,
    activation_folder,
    stored_shape,
)
from signal_perception.pipeline import disk
from signal_perception.pipeline.units import write_atomically
from signal_perception.stores import consolidate


def create(
    path: Path, facts: StoreFacts, taps: Sequence[TapFacts], *, shards_too: bool = True
) -> None:
    """Make a store whose activations are empty and whose means are still missing."""
    root = zarr.create_group(path, zarr_format=3, attributes=asdict(facts))
    part = facts.activations
    if part is None:
        return
    rows = len(part.ids) * part.clips
    with _Coordinates(path / "activations", facts.inputs, part) as coordinates:
        for tap in taps:
            t, h, w, c = stored_shape(tap, facts.pool)
            group = root.create_group(f"activations/{tap.tap}", attributes=asdict(tap))
            array = group.create_array(
                "activation",
                shape=(len(facts.inputs), rows, t, h, w, c),
                chunks=(1, 1, t, h, w, c),
                shards=(1, shards.rows(rows, t * h * w * c, tap.dtype), t, h, w, c),
                dtype=tap.dtype,
                compressors=[Crc32cCodec()],
                chunk_key_encoding=shards.KEYS,
                dimension_names=DIMENSIONS,
                attributes={"coordinates": "label seconds"},
            )
            seconds = facts.seconds_per_frame * tap.frames_per_token
            _coordinate(group, "seconds", "time", seconds * np.arange(t))
            coordinates.copy(path / "activations" / tap.tap)
            if shards_too:
                shards.prepare(activation_folder(path, tap.tap), array)


def mend(path: Path, facts: StoreFacts, taps: Sequence[TapFacts]) -> None:
    """Make a store that is not finished as `create` would, but for what its shards hold by now.

    A file of metadata that is damaged or missing is written again, a shard gets back its size and
    its index. Means are removed: they are written at the end.
    """
    shutil.rmtree(path / "means", ignore_errors=True)
    fresh = path.with_name(f".fresh-{path.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    create(fresh, facts, taps, shards_too=False)
    for file in sorted(each for each in fresh.rglob("*") if each.is_file()):
        content, target = file.read_bytes(), path / file.relative_to(fresh)
        if not target.is_file() or target.read_bytes() != content:
            disk.remove(target)
            write_atomically(target, lambda to, content=content: to.write_bytes(content))
    shutil.rmtree(fresh)
    for tap in taps if facts.activations else ():
        folder = activation_folder(path, tap.tap)
        shards.prepare(folder, zarr.open_array(folder, mode="r"))


def write_means(
    path: Path, facts: StoreFacts, tap: TapFacts, means: Mapping[str, NDArray[np.float64]]
) -> None:
    """Write the means of one tap: transform → (inputs, rows, 3, bins), and `dead`."""
    assert facts.means is not None
    folder = path / "means" / tap.tap
    # what a killed run left of it
    shutil.rmtree(folder, ignore_errors=True)
    group = zarr.open_group(path, mode="r+").create_group(
        f"means/{tap.tap}", attributes=asdict(tap)
    )
    dimensions = {name: ("input", "video", "mean", bins) for name, bins in BINS.items()}
    for name, dims in (dimensions | {"dead": ("input", "video")}).items():
        coordinates = "label hertz" if name == "temporal" else "label"
        values = np.ascontiguousarray(means[name], np.float64)
        _one_chunk(group, name, values, dims, {"coordinates": coordinates})
    tokens, bins = tap.shape[0], means["temporal"].shape[-1]
    seconds = facts.seconds_per_frame * tap.frames_per_token * tokens
    _coordinate(group, "bin", "bin", np.arange(bins))
    _coordinate(group, "hertz", "bin", np.arange(bins) / seconds)


def finish(path: Path, facts: StoreFacts, taps: Sequence[TapFacts]) -> None:
    """Complete a store whose values are written: coordinates of means, consolidated metadata."""
    if facts.means is not None:
        with _Coordinates(path / "means", facts.inputs, facts.means) as coordinates:
            for tap in taps:
                coordinates.copy(path / "means" / tap.tap)
    consolidate(path)


class _Coordinates:
    """The coordinates that all taps of a tree have, made once and copied. A context manager."""

    def __init__(self, tree: Path, inputs: Sequence[str], part: Part):
        self._folder = tree.with_name(f".coordinates-{tree.name}")
        self._inputs, self._part = inputs, part

    def __enter__(self) -> "_Coordinates":
        shutil.rmtree(self._folder, ignore_errors=True)
        group = zarr.create_group(self._folder, zarr_format=3)
        part = self._part
        _coordinate(group, "input", "input", _texts(self._inputs))
        _coordinate(group, "video", "video", _texts(np.repeat(part.ids, part.clips)))
        _coordinate(group, "label", "video", _texts(np.repeat(part.labels, part.clips)))
        _coordinate(group, "mean", "mean", _texts(MEANS))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder)

    def copy(self, tap: Path) -> None:
        names = ["input", "video", "label", *(["mean"] if tap.parent.name == "means" else [])]
        for name in names:
            shutil.copytree(self._folder / name, tap / name, dirs_exist_ok=True)


def _texts(values: Sequence[str] | NDArray) -> NDArray:
    return np.array([str(value) for value in values], np.dtypes.StringDType())


def _coordinate(group: zarr.Group, name: str, dimension: str, values: NDArray) -> None:
    _one_chunk(group, name, values, (dimension,))


def _one_chunk(
    group: zarr.Group,
    name: str,
    values: NDArray,
    dimensions: Sequence[str],
    attributes: dict[str, Any] | None = None,
) -> None:
    """Write an array that is one compressed chunk with its checksum."""
    group.create_array(
        name,
        data=values,
        chunks=values.shape,
        compressors=[ZstdCodec(), Crc32cCodec()],
        chunk_key_encoding=shards.KEYS,
        dimension_names=dimensions,
        attributes=attributes,
        # zarr leaves out chunks of zeros, and a chunk that is not there is damage here
        config={"write_empty_chunks": True},
    )
