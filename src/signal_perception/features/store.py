"""The features of videos in one file: an array per tap, of which one at a time is read.

A NumPy archive (.npz, not compressed): `features/<tap>` float32 (videos, channels), training videos
first; over videos `video` (ids), `group`, `label` (names) and `training` (whether it is one); over
taps, in execution order, `tap`, `kind` and `block`; `classes`; `weights_sha256` and `weights`. The
archive has a checksum of each array, which is held against all of it before a value is used.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signal_perception.pipeline.errors import UserError

# What reading a broken archive raises.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_FEATURES = "features/"


@dataclass(frozen=True)
class Index:
    """What the rows and the arrays of a file are.

    ids, groups, labels: of n videos, training videos first. training: how many of these there are.
    classes: all names of classes. taps, kinds, blocks: of the taps, in execution order.
    weights_sha256, weights: hash and name of the weights ("shapes/swin-0"), the name empty where
    their file did not say.
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
    weights: str = ""


class Features:
    """The features of one model with some weights, opened to be read.

    UserError, when something is read, where the file is damaged or missing.
    """

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Features, (self.path,)

    @cached_property
    def index(self) -> Index:
        names = ("video", "group", "label", "training", "classes", "tap", "kind", "block")
        found = _read(self.path, (*names, "weights_sha256", "weights"))
        ids, groups, labels, training, classes, taps, kinds, blocks, sha256, weights = found
        return Index(
            ids=tuple(ids.tolist()),
            groups=tuple(groups.tolist()),
            labels=tuple(labels.tolist()),
            training=int(training.sum()),
            classes=tuple(classes.tolist()),
            taps=tuple(taps.tolist()),
            kinds=tuple(kinds.tolist()),
            blocks=tuple(blocks.tolist()),
            weights_sha256=str(sha256),
            weights=str(weights),
        )

    def require_weights(self, weights: str) -> None:
        """UserError where the features are of other weights than these, named as in `Index`."""
        found = self.index.weights
        if found not in ("", weights):
            raise UserError(
                f"{self.path} has features of the weights {found}, not of {weights}; run the stage "
                "features again."
            )

    def tap(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The features of a tap (videos, channels): of the training and of the test videos."""
        (values,) = _read(self.path, (_FEATURES + name,))
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
        "weights": np.array(index.weights),
    }
    features = ((_FEATURES + name, values) for name, values in zip(index.taps, taps, strict=True))
    # numpy.savez would hold the arrays of all taps in memory
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in chain(arrays.items(), features):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)


def _read(path: Path, names: Sequence[str]) -> list[NDArray]:
    """Arrays of an archive, each read whole: a part of it has no checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            contents = (archive.read(f"{name}.npy") for name in names)
            return [
                np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
                for content in contents
            ]
    except DAMAGE as error:
        fault = "missing" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
        raise UserError(
            f"File {path} is {fault}: delete it and restore it (dvc checkout, or dvc pull where "
            "the cache lacks it), or run the stage features again."
        ) from None
