"""What comes of the logits: the table of predictions, and its file, which keeps them too."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from signal_perception import parquet
from signal_perception.clips.store import ClipStore
from signal_perception.clips.views import views_of
from signal_perception.evaluate import frames
from signal_perception.evaluate.predictions import WEIGHTS
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.blocks import Videos, inputs
from signal_perception.inference.fusion import fuse
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.accuracy import ranking


def predictions(clips: Path, settings: Settings, units: Sequence[Unit[Videos]]) -> pd.DataFrame:
    """One row per control and video: true and predicted class, rank of the true class, all scores.

    rank: mean over the orders of tied classes, 0 is best, or the number of classes where a score is
    not finite; such a video has no predicted class. tied: how many other classes score the same as
    the true one. And which frames its clips are made of, see `frames.frames`.
    """
    store, input = ClipStore(clips), settings.model.input
    shown = frames.frames(store, input, views_of(settings.views, settings.model.protocol).clips)
    parts = []
    for control in inputs(settings.views.controls):
        fused = [fuse(_logits(unit, control), input.fusion) for unit in units]
        scores = np.concatenate(fused)
        found = ranking(scores, store.labels)
        best = np.array(store.classes)[scores.argmax(axis=1)]
        parts.append(
            pd.DataFrame(
                {
                    "control": control,
                    "video": store.ids,
                    "group": store.groups,
                    "label": [store.classes[label] for label in store.labels],
                    "predicted": np.where(found.not_finite, "", best),
                    "rank": found.mean_rank,
                    "tied": found.tied,
                    **shown,
                    "scores": list(scores),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write(
    table: pd.DataFrame, units: Sequence[Unit[Videos]], weights_sha256: str, target: Path
) -> None:
    """Write the table of predictions with a column more, the logits of every view.

    They are float32 (views, classes), flattened. One control after the other is in memory.
    weights_sha256: of the model, which the file keeps.
    """
    parts = table.groupby("control", sort=False)
    columns = pa.Table.from_pandas(table.iloc[:1], preserve_index=False).schema
    with np.load(units[0].result) as first:
        _, views, classes = first[next(iter(parts.groups))].shape
    logits = pa.field("logits", pa.list_(pa.float32(), views * classes))
    facts = {WEIGHTS: weights_sha256}
    with parquet.writer(target, columns.append(logits), facts) as writer:
        for control, part in parts:
            flat = np.concatenate([_logits(unit, str(control)).ravel() for unit in units])
            rows = pa.FixedSizeListArray.from_arrays(pa.array(flat), type=logits.type)
            found = pa.Table.from_pandas(part, schema=columns, preserve_index=False)
            # a row group of its own, so that another control is not read with it
            writer.write_table(found.append_column(logits, rows), row_group_size=len(found))


def _logits(unit: Unit[Videos], control: str) -> NDArray[np.float32]:
    """Of the videos of a block (videos, views, classes)."""
    with np.load(unit.result) as result:
        return result[control]
