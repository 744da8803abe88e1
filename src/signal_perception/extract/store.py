"""The activation store of one data set and model: a zarr group per input, an array per tap.

Inputs are the clip and its controls. Arrays have the dimensions (video, time, height, width,
channel); a chunk is one video, a shard is one unit of work, so each unit writes complete files of
its own and any order of work gives the same bytes. Attributes say what a tap is, and whose weights
it was taken from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import zarr

# The array of the model's input itself, which stands beside those of the taps.
INPUT = "input"
DIMENSIONS = ("video", "time", "height", "width", "channel")


@dataclass(frozen=True)
class TapFacts:
    """What an array holds.

    tap: its name. kind. block: −1 before the first. side: of the addition. frames_per_token: frames
    of the clip that one token stands for. order: of execution.
    """

    tap: str
    kind: str
    block: int
    side: str
    frames_per_token: float
    order: int


@dataclass(frozen=True)
class StoreFacts:
    """Whose activations a store holds.

    ids, groups: of the videos, in order; clip n of video v is row v·clips + n. seconds_per_frame:
    median time between two frames of a clip. weights_sha256: of the model's weights.
    """

    ids: list[str]
    groups: list[str]
    clips: int
    seconds_per_frame: float
    weights_sha256: str


def create(
    path: Path,
    inputs: Sequence[str],
    taps: Sequence[tuple[TapFacts, tuple[int, ...]]],
    *,
    shard: int,
    dtype: str,
    facts: StoreFacts,
) -> None:
    """Make an empty store.

    taps: for each tap its facts and the shape (t h w c) of one clip's activation. shard: videos.
    """
    root = zarr.create_group(path, zarr_format=3, attributes=asdict(facts))
    rows = len(facts.ids) * facts.clips
    for name in inputs:
        group = root.create_group(name)
        for tap, shape in taps:
            group.create_array(
                tap.tap,
                shape=(rows, *shape),
                chunks=(1, *shape),
                shards=(shard, *shape),
                dtype=dtype,
                dimension_names=DIMENSIONS,
                attributes=asdict(tap),
            )


def write(path: Path, name: str, start: int, activations: Mapping[str, np.ndarray]) -> None:
    """Write one shard of every tap: clips start … start+n−1 of input `name`.

    Values are in the store's number type.
    """
    group = zarr.open_group(path, mode="r+")[name]
    assert isinstance(group, zarr.Group)
    for tap, values in activations.items():
        array = group[tap]
        assert isinstance(array, zarr.Array)
        array[start : start + len(values)] = values


class ActivationStore:
    """A finished store, read only."""

    def __init__(self, path: Path):
        self._root = zarr.open_group(path, mode="r")
        self.facts = StoreFacts(**self._root.attrs)  # type: ignore[arg-type]

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, sorted."""
        return sorted(self._root.group_keys())

    def taps(self) -> list[TapFacts]:
        """All taps in execution order; every input has the same."""
        group = self._root[self.inputs[0]]
        assert isinstance(group, zarr.Group)
        facts = [TapFacts(**array.attrs) for _, array in group.arrays()]  # type: ignore[arg-type]
        return sorted(facts, key=lambda tap: tap.order)

    def array(self, name: str, tap: str) -> zarr.Array:
        """Activations of one tap for one input: (video time height width channel)."""
        array = self._root[f"{name}/{tap}"]
        assert isinstance(array, zarr.Array)
        return array
