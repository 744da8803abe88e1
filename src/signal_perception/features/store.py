"""The features of videos in one file: an array per tap, of which one at a time is read.

A NumPy archive (.npz, not compressed): `features/<tap>` float32 (videos, channels), training videos
first; over videos `video` (ids), `group`, `label` (names) and `training` (whether it is one); over
taps, in execution order, `tap`, `kind` and `block`; `classes`; `weights_sha256`.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FEATURES = "features/"


@dataclass(frozen=True)
class Index:
    """What the rows and the arrays of a file are.

    ids, groups, labels: of n videos, training videos first. training: how many of these there are.
    classes: all names of classes. taps, kinds, blocks: of the taps, in execution order.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    training: int
    classes: tuple[str, ...]
    taps: tuple[str, ...]
    kinds: tuple[str, ...]
    blocks: tuple[int, ...]
    weights_sha256: str


class Features:
    """The features of one model with some weights, opened to be read."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Features, (self.path,)

    @cached_property
    def index(self) -> Index:
        with np.load(self.path) as file:
            return Index(
                ids=tuple(file["video"].tolist()),
                groups=tuple(file["group"].tolist()),
                labels=tuple(file["label"].tolist()),
                training=int(file["training"].sum()),
                classes=tuple(file["classes"].tolist()),
                taps=tuple(file["tap"].tolist()),
                kinds=tuple(file["kind"].tolist()),
                blocks=tuple(file["block"].tolist()),
                weights_sha256=str(file["weights_sha256"]),
            )

    def tap(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The features of a tap (videos, channels): of the training and of the test videos."""
        with np.load(self.path) as file:
            values = file[_FEATURES + name]
        return values[: self.index.training], values[self.index.training :]


def write(path: Path, index: Index, taps: Iterator[NDArray]) -> None:
    """Write a file; `taps` gives the features of one tap of the index after the other."""
    number = len(index.ids)
    arrays = {
        "video": np.array(index.ids),
        "group": np.array(index.groups),
        "label": np.array(index.labels),
        "training": np.arange(number) < index.training,
        "classes": np.array(index.classes),
        "tap": np.array(index.taps),
        "kind": np.array(index.kinds),
        "block": np.array(index.blocks),
        "weights_sha256": np.array(index.weights_sha256),
    }
    features = ((_FEATURES + name, values) for name, values in zip(index.taps, taps, strict=True))
    # numpy.savez would hold the arrays of all taps in memory
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in chain(arrays.items(), features):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
