"""The accuracy of a model with all that it rests on, and what must be said aloud about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from signal_perception.clips.views import views_of
from signal_perception.evaluate import frames
from signal_perception.evaluate.judged import Judged, ranking_of
from signal_perception.evaluate.settings import Settings
from signal_perception.models.core.header import tensors_hash
from signal_perception.statistics import calibration
from signal_perception.statistics.accuracy import accuracy
from signal_perception.vocabulary import CLIP


def metrics(
    table: pd.DataFrame,
    clips: Judged,
    settings: Settings,
    *,
    dataset: str,
    model: str,
    weights: Path,
    listed: int,
) -> dict[str, Any]:
    """Accuracy with intervals as JSON has it: of the clips, of every control, and of what.

    table: the predictions. clips: those of the clips as they are. listed: test videos that the
    split has, of which those are dropped that were not scored.
    """
    rows = {
        str(control): accuracy(ranking_of(part), clips.draws)
        for control, part in table.groupby("control", sort=False)
    }
    own = _numbers(rows[CLIP])
    pretrained = settings.model.pretrained
    views = views_of(settings.views, settings.model.protocol)
    facts = {
        "above_chance": own["low1"] is not None and own["low1"] > own["chance1"],
        **_numbers(_calibration(clips)),
        "dataset": dataset,
        "model": model,
        "size": settings.study.size,
        "pretrained": pretrained.file if pretrained else None,
        "weights_sha256": tensors_hash(weights),
        "n_listed": listed,
        "dropped": listed - len(clips.table),
        "n_clusters": clips.draws.n_clusters,
        "views": views.clips * views.crops,
        "clips": views.clips,
        "crops": views.crops,
        "sampling": frames.summary(clips.table, settings.model.input, views.clips),
    }
    controls = {name: _numbers(row) for name, row in rows.items() if name != CLIP}
    return {**own, **facts, "controls": controls}


def said(found: Mapping[str, Any], label: str) -> list[str]:
    """Sentences about metrics that nobody should overlook. label: of the stage."""
    lines = []
    if found["dropped"]:
        were = "1 was dropped" if found["dropped"] == 1 else f"{found['dropped']:,} were dropped"
        lines.append(
            f"{label}: {found['total']:,} of {found['n_listed']:,} listed test videos were scored, "
            f"{were}; see reports/decode/{found['dataset']}.csv."
        )
    if not found["above_chance"]:
        interval = (
            "all test videos come from one source, so it has no interval"
            if found["low1"] is None
            else f"95 % interval {found['low1']:.1f} to {found['high1']:.1f}"
        )
        lines.append(
            f"{label}: top-1 of {found['top1']:.1f} % ({interval}) is not shown to be above chance "
            f"({found['chance1']:.1f} %)."
        )
    return lines


def _calibration(clips: Judged) -> dict[str, float]:
    """The expected calibration error of top-1 and its interval, in percent."""
    error = calibration.reliability(clips.confidence, clips.hits).error
    low, high = calibration.error_interval(clips.confidence, clips.hits, clips.draws)
    return {"ece": 100 * error, "ece_low": 100 * low, "ece_high": 100 * high}


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it, which knows no NaN: an interval of a single cluster is null."""
    return {key: None if value != value else value for key, value in row.items()}
