"""What comes of the scores: a table of predictions, and the accuracy of every control."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import frames
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.blocks import Videos, inputs
from signal_perception.models.core.checkpoints import weights_hash
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.accuracy import Ranking, accuracy, ranking
from signal_perception.statistics.intervals import resamples
from signal_perception.vocabulary import CLIP

_DRAWS = 2000


def predictions(clips: Path, settings: Settings, units: Sequence[Unit[Videos]]) -> pd.DataFrame:
    """One row per control and video: true and predicted class, rank of the true class, all scores.

    rank: mean over the orders of tied classes, 0 is best, or the number of classes where a score is
    not finite; such a video has no predicted class. tied: how many other classes score the same as
    the true one. And which frames its clips are made of, see `frames.frames`.
    """
    store = ClipStore(clips)
    shown = frames.frames(store, settings.model.input, settings.views.clips)
    parts = []
    results = [np.load(unit.result) for unit in units]
    for control in inputs(settings.views.controls):
        scores = np.concatenate([result[control] for result in results])
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


def metrics(
    table: pd.DataFrame,
    settings: Settings,
    *,
    dataset: str,
    model: str,
    weights: Path,
    dropped: int,
) -> str:
    """Accuracy with intervals as JSON: of the clips, of every control, and what they rest on.

    dropped: test videos that were not scored.
    """
    first = table.loc[table["control"] == CLIP, :]
    draws = resamples(list(first["group"]), settings.seed, _DRAWS)
    classes = len(next(iter(first["scores"])))
    rows = {
        control: accuracy(_ranking(part, classes), draws)
        for control, part in table.groupby("control", sort=False)
    }
    pretrained = settings.model.pretrained
    facts = {
        "dataset": dataset,
        "model": model,
        "size": settings.study.size,
        "pretrained": pretrained.file if pretrained else None,
        "weights_sha256": weights_hash(weights),
        "dropped": dropped,
        "n_clusters": draws.n_clusters,
        "views": settings.views.clips * settings.views.crops,
        "sampling": frames.summary(first, settings.model.input, settings.views.clips),
    }
    controls = {str(name): _numbers(row) for name, row in rows.items() if name != CLIP}
    return json.dumps({**_numbers(rows[CLIP]), **facts, "controls": controls}, indent=2) + "\n"


def _ranking(table: pd.DataFrame, classes: int) -> Ranking:
    """The ranking that `predictions` wrote into its columns."""
    tied = table["tied"].to_numpy()
    better = (table["rank"].to_numpy() - tied / 2).astype(np.int64)
    return Ranking(better, tied, classes)


def _numbers(row: dict) -> dict:
    """A row as JSON has it, which knows no NaN: an interval of a single cluster is null."""
    return {key: None if value != value else value for key, value in row.items()}
