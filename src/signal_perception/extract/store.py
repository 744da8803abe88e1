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
(`extract.shards`): memory holds a batch, whatever the size of a shard. `extract.store_writer` makes
stores; here they are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store

from signal_perception.extract import partial, shards
from signal_perception.fourier import definitions
from signal_perception.pipeline.errors import UserError
from signal_perception.stores import attributes_of, open_checked

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


def activation_folder(path: Path, tap: str) -> Path:
    """The folder of the array with a tap's activations."""
    return path / "activations" / tap / "activation"


def stored_shape(tap: TapFacts, pool: str) -> tuple[int, int, int, int]:
    """Shape (t h w c) of a stored activation. pool: see `StoreFacts`."""
    t, h, w, c = tap.shape
    return (t, 1, 1, c) if pool == "space" else (t, h, w, c)


def activation_bytes(facts: StoreFacts, taps: Sequence[TapFacts]) -> int:
    """Bytes that the activations of a store take on disk."""
    if facts.activations is None:
        return 0
    rows = len(facts.activations.ids) * facts.activations.clips * len(facts.inputs)
    return rows * sum(
        shards.record(int(np.prod(stored_shape(tap, facts.pool))), tap.dtype) for tap in taps
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


def _part(attributes: dict | None) -> Part | None:
    if attributes is None:
        return None
    clips = attributes.pop("clips")
    return Part(clips=clips, **{name: tuple(values) for name, values in attributes.items()})


def _tap_facts(attributes: dict) -> TapFacts:
    return TapFacts(**{**attributes, "shape": tuple(attributes["shape"])})
