"""The predictions of the stage evaluate, read back: what the clean model says of every video."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from signal_perception.pipeline.errors import UserError
from signal_perception.vocabulary import CLIP

_COLUMNS = ["video", "group", "label", "scores"]


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
    filters = [("control", "=", control)]
    table = pq.read_table(path, columns=_COLUMNS, filters=filters).combine_chunks()
    if not len(table):
        raise UserError(
            f"{path} has no predictions under {control!r}; add it to views.controls and run the "
            "stage evaluate again."
        )
    ids, groups, labels = (tuple(table[name].to_pylist()) for name in _COLUMNS[:3])
    if videos is not None:
        _require_videos(path, ids, tuple(videos))
    return Predictions(ids, groups, labels, _scores(table))


def _scores(table: pa.Table) -> NDArray[np.float32]:
    flat = table["scores"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.astype(np.float32, copy=False).reshape(len(table), -1)


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
