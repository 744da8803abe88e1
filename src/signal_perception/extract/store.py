"""The activation store of one data set, model and set of weights.

    <store>                    attributes: `StoreFacts`
      means/<tap>              the sums that spectra need, of all videos:
        temporal, spatial, spatiotemporal   float64 (input, video, mean, bin); mean = ln_amplitude,
                                            amplitude, power (`fourier.sums`)
        dead                   float64 (input, video)
      activations/<tap>        activations of chosen videos:
        activation             float16 or float32 (input, video, time, height, width, channel)

One of the two may be missing. Every tap is a group with coordinates of its own, so that xarray
opens one tap (`xr.open_zarr(store, group="activations/07.mlp")`) or all of them
(`xr.open_datatree(store)`). Its attributes are `TapFacts`. A row of `video` is a clip; an id is
repeated where there are several clips of a video.

Every chunk ends with its checksum, a shard's index too, and the root holds the metadata of all with
theirs (`stores.consolidate`): damage is noticed by whoever reads, and named by `ActivationStore`.

Activations are not compressed: zstd would save 5 % of them at some 120 MB/s, far below what a disk
takes. So all chunks have one size, and any clip can be written at its place in a shard at any time
(`extract.shards`): memory holds a batch, whatever the size of a shard.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.codecs import Crc32cCodec, ZstdCodec

from signal_perception.extract import partial, shards
from signal_perception.fourier import definitions
from signal_perception.pipeline import disk
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import write_atomically
from signal_perception.stores import attributes_of, consolidate, open_checked

DIMENSIONS = ("input", "video", "time", "height", "width", "channel")
MEANS = ("ln_amplitude", "amplitude", "power")
# transform → the dimension of its bins
BINS = {"temporal": "bin", "spatial": "spatial_bin", "spatiotemporal": "diagonal_bin"}


@dataclass(frozen=True)
class TapFacts:
    """What is known of a tap.

    tap: its name. kind. block: −1 before the first. side: of the addition. frames_per_token: frames
    of the clip that one token stands for. order: of execution. shape: (t h w c) of an activation.
    epsilon_…: of the logarithms of each transform. dtype: of activations on disk.
    """

    tap: str
    kind: str
    block: int
    side: str
    frames_per_token: float
    order: int
    shape: tuple[int, int, int, int]
    epsilon_temporal: float
    epsilon_spatial: float
    epsilon_spatiotemporal: float
    dtype: str

    @property
    def bins(self) -> tuple[int, int, int]:
        """Number of bins of each transform, as in `BINS`."""
        t, h, w, _ = self.shape
        temporal, spatial, spatiotemporal = (definitions.bins(name, t, h, w) for name in BINS)
        return temporal, spatial, spatiotemporal


@dataclass(frozen=True)
class Part:
    """The videos of one part of a store, in order: ids, groups and class names; clips of each."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    clips: int


@dataclass(frozen=True)
class StoreFacts:
    """Whose activations a store holds.

    inputs: names, the clip first. seconds_per_frame: median over videos of the nominal time between
    two distinct frames of a clip. weights_sha256: of the model's weights. pool: over what stored
    activations are averaged. means, activations: the videos of each part, None where there is none.
    weights: whose weights they are ("shapes/swin-0", "shapes-start/swin-0"), empty where their file
    did not say.
    """

    inputs: tuple[str, ...]
    seconds_per_frame: float
    weights_sha256: str
    pool: str
    means: Part | None
    activations: Part | None
    weights: str = ""


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
            t, h, w, c = _stored_shape(tap, facts.pool)
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


def activation_folder(path: Path, tap: str) -> Path:
    """The folder of the array with a tap's activations."""
    return path / "activations" / tap / "activation"


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


def activation_bytes(facts: StoreFacts, taps: Sequence[TapFacts]) -> int:
    """Bytes that the activations of a store take on disk."""
    if facts.activations is None:
        return 0
    rows = len(facts.activations.ids) * facts.activations.clips * len(facts.inputs)
    return rows * sum(
        shards.record(int(np.prod(_stored_shape(tap, facts.pool))), tap.dtype) for tap in taps
    )


def means_bytes(facts: StoreFacts, taps: Sequence[TapFacts]) -> int:
    """Bytes that the means of a store take at most, before compression."""
    if facts.means is None:
        return 0
    rows = len(facts.means.ids) * facts.means.clips * len(facts.inputs)
    return rows * sum(8 * (3 * sum(tap.bins) + 1) for tap in taps)


class ActivationStore:
    """A finished store, read only; UserError where a file that is read is damaged or missing."""

    def __init__(self, place: Path | Store):
        self._place = place
        self._root = open_checked(place)
        attributes: dict[str, Any] = attributes_of(self._root)
        self.means_part = _part(attributes.pop("means"))
        self.activations_part = _part(attributes.pop("activations"))
        inputs = tuple(attributes.pop("inputs"))
        self.facts = StoreFacts(
            inputs=inputs,
            means=self.means_part,
            activations=self.activations_part,
            **attributes,
        )
        self.inputs = inputs

    def require_weights(self, weights: str) -> None:
        """UserError where the store is of other weights than these, named as in `StoreFacts`."""
        found = self.facts.weights
        if found not in ("", weights):
            raise UserError(
                f"{self._place} has activations of the weights {found}, not of {weights}; run the "
                "stage extract again."
            )

    def taps(self) -> list[TapFacts]:
        """All taps in execution order."""
        tree = self._root["means" if self.means_part is not None else "activations"]
        assert isinstance(tree, zarr.Group)
        facts = [_tap_facts(group.attrs.asdict()) for _, group in tree.groups()]
        return sorted(facts, key=lambda tap: tap.order)

    def means(self, tap: str) -> dict[str, NDArray[np.float64]]:
        """The means of a tap: transform → (inputs, rows, 3, bins), and `dead` (inputs, rows)."""
        return {name: self._array(f"means/{tap}/{name}")[...] for name in (*BINS, "dead")}  # type: ignore[misc]

    def activation(self, tap: str) -> zarr.Array:
        """Activations of one tap: (input video time height width channel)."""
        return self._array(f"activations/{tap}/activation")

    def _array(self, name: str) -> zarr.Array:
        partial.refuse_missing(self._place, self._root, *name.split("/")[:2])
        array = self._root[name]
        assert isinstance(array, zarr.Array)
        return array


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


def _stored_shape(tap: TapFacts, pool: str) -> tuple[int, int, int, int]:
    t, h, w, c = tap.shape
    return (t, 1, 1, c) if pool == "space" else (t, h, w, c)


def _part(attributes: dict | None) -> Part | None:
    if attributes is None:
        return None
    clips = attributes.pop("clips")
    return Part(clips=clips, **{name: tuple(values) for name, values in attributes.items()})


def _tap_facts(attributes: dict) -> TapFacts:
    return TapFacts(**{**attributes, "shape": tuple(attributes["shape"])})
