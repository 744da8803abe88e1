"""The test set scored in independent units, and what comes of it: a table of predictions and the accuracy of every control."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from signal_perception import assembly, evaluation, paths, views
from signal_perception.data.clips import ClipStore
from signal_perception.intervals import resamples
from signal_perception.models.checkpoints import weights_hash
from signal_perception.params import Params

CLIP = "clip"
_VIDEOS = 32  # per unit
_DRAWS = 2000


@dataclass(frozen=True)
class Unit:
    """Videos start … stop−1 of the test split under one control, and the file for their scores."""

    control: str
    start: int
    stop: int
    path: Path


def units(params: Params, dataset: str, folder: Path) -> list[Unit]:
    """All videos as they are, then under each control of `views.controls`."""
    count = len(ClipStore(paths.clips(dataset, "test")))
    return [
        Unit(control, start, min(start + _VIDEOS, count), folder / f"{control}-{start:06d}.npy")
        for control in (CLIP, *params.views.controls)
        for start in range(0, count, _VIDEOS)
    ]


def predict(params: Params, dataset: str, model: str, unit: Unit) -> None:
    """Score the videos of one unit: fused scores float32 (videos, classes) go to its file."""
    entry = params.model(model)
    clips = views.test_clips(
        params, dataset, model, clips=params.views.clips, crops=params.views.crops, control=unit.control
    )
    scorer = assembly.kept(
        unit.path.parent, lambda: evaluation.scorer(params, dataset, model, len(clips.store.classes))
    )
    scores = [
        evaluation.fuse(scorer.logits(clips[video][0])[None], entry.input.fusion)
        for video in range(unit.start, unit.stop)
    ]
    unfinished = unit.path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.save(file, np.concatenate(scores).astype(np.float32))
    unfinished.replace(unit.path)


def predictions(params: Params, dataset: str, units: Sequence[Unit]) -> pd.DataFrame:
    """One row per control and video: true and predicted class, rank of the true class (0 is best), all scores."""
    store = ClipStore(paths.clips(dataset, "test"))
    parts = []
    for control in (CLIP, *params.views.controls):
        scores = np.concatenate([np.load(unit.path) for unit in units if unit.control == control])
        parts.append(
            pd.DataFrame(
                {
                    "control": control,
                    "video": store.ids,
                    "group": store.groups,
                    "label": [store.classes[label] for label in store.labels],
                    "predicted": [store.classes[best] for best in scores.argmax(axis=1)],
                    "rank": evaluation.rank(scores, store.labels),
                    "scores": list(scores),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def metrics(params: Params, dataset: str, model: str, table: pd.DataFrame, dropped: int) -> str:
    """Accuracy with intervals as JSON: of the clips, of every control, and what they rest on (`dropped` test videos were not scored)."""
    first = table[table["control"] == CLIP]
    draws = resamples(list(first["group"]), params.seed, _DRAWS)
    classes = len(first["scores"].iloc[0])
    rows = {
        control: evaluation.accuracy(part["rank"].to_numpy(), classes, draws)
        for control, part in table.groupby("control", sort=False)
    }
    entry = params.model(model)
    facts = {
        "dataset": dataset,
        "model": model,
        "size": params.study.size,
        "pretrained": entry.pretrained.file if entry.pretrained else None,
        "weights_sha256": weights_hash(paths.weights(dataset, model)),
        "dropped": dropped,
        "n_clusters": draws.n_clusters,
        "views": params.views.clips * params.views.crops,
    }
    controls = {str(name): row for name, row in rows.items() if name != CLIP}
    return json.dumps({**rows[CLIP], **facts, "controls": controls}, indent=2) + "\n"
