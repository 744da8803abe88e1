"""The predictions of the stage evaluate, read back: what the clean model says of every video."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from signal_perception import parquet
from signal_perception.inference.fusion import fuse
from signal_perception.pipeline.errors import UserError
from signal_perception.vocabulary import CLIP

# A text of the file's footer.
WEIGHTS = "weights_sha256"
_FACTS = ("video", "group", "label")
_NUMBERS = pa.list_(pa.float32())


@dataclass(frozen=True)
class Predictions:
    """Of n videos in the order of the clip store.

    labels: name of the true class. scores: fused over views, float32 (n, classes).
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    scores: NDArray[np.float32]


def read(path: Path, control: str = CLIP, videos: Sequence[str] | None = None) -> Predictions:
    """The predictions under a control.

    videos: ids that the file must have, in this order. UserError where it has others, or where the
    control was not asked for when it was written.
    """
    return _predictions(path, _table(path, ("scores",), control), videos)


def logits(
    path: Path, control: str = CLIP, videos: Sequence[str] | None = None
) -> NDArray[np.float32]:
    """The logits under a control (n, views, classes), clips before crops; see `read`."""
    return _logits(path, control, videos)[1]


def of_views(
    path: Path,
    views: Sequence[int],
    fusion: str,
    control: str = CLIP,
    videos: Sequence[str] | None = None,
) -> Predictions:
    """The predictions on some views alone, by their numbers, fused by the model's rule; see `read`.

    What the model would say if it were shown no others; no model is run.
    """
    found, every = _logits(path, control, videos)
    missing = [view for view in views if not 0 <= view < every.shape[1]]
    if missing or not views:
        raise UserError(
            f"{path} has views 0 to {every.shape[1] - 1} of each video, and asked for are "
            f"{', '.join(map(str, views)) or 'none'}; choose of them, or change views.clips and "
            "views.crops and run the stage evaluate again."
        )
    return replace(found, scores=fuse(every[:, list(views)], fusion))


def require_weights(path: Path, sha256: str) -> None:
    """UserError where the predictions are of other weights than those of this hash."""
    found = parquet.facts(path).get(WEIGHTS)
    if found != sha256:
        raise UserError(
            f"{path} has predictions of other weights ({WEIGHTS} {str(found)[:8]}…) than those "
            f"that are to be disturbed ({sha256[:8]}…); run the stage evaluate again."
        )


def _logits(
    path: Path, control: str, videos: Sequence[str] | None
) -> tuple[Predictions, NDArray[np.float32]]:
    table = _table(path, ("scores", "logits"), control)
    found = _predictions(path, table, videos)
    number, classes = found.scores.shape
    return found, _values(table, "logits").reshape(number, -1, classes)


def _table(path: Path, columns: Sequence[str], control: str) -> pa.Table:
    texts = [(name, pa.string()) for name in ("control", *_FACTS)]
    schema = pa.schema([*texts, *((name, _NUMBERS) for name in columns)])
    table = parquet.read(path, schema, [("control", "=", control)])
    if not len(table):
        raise UserError(
            f"{path} has no predictions under {control!r}; add it to views.controls and run the "
            "stage evaluate again."
        )
    return table


def _predictions(path: Path, table: pa.Table, videos: Sequence[str] | None) -> Predictions:
    ids, groups, labels = (tuple(table[name].to_pylist()) for name in _FACTS)
    if videos is not None:
        _require_videos(path, ids, tuple(videos))
    return Predictions(ids, groups, labels, _values(table, "scores").reshape(len(table), -1))


def _values(table: pa.Table, column: str) -> NDArray[np.float32]:
    """All numbers of a column of lists, one row after the other."""
    flat = table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.astype(np.float32, copy=False)


def _require_videos(path: Path, ids: tuple[str, ...], videos: tuple[str, ...]) -> None:
    if ids == videos:
        return
    differs = next((i for i, pair in enumerate(zip(ids, videos)) if pair[0] != pair[1]), None)
    where = ""
    if differs is not None:
        where = f": number {differs} is {ids[differs]}, not {videos[differs]}"
    raise UserError(
        f"{path} has predictions of {len(ids)} videos, not of the {len(videos)} that are "
        f"asked for{where}; run the stage evaluate again."
    )
