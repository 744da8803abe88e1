"""The accuracy of a model taken apart: by class, by pair of classes, by confidence, by video.

All of the clips as they are; shares in percent.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.evaluate.judged import Judged
from signal_perception.statistics import calibration
from signal_perception.statistics.intervals import share_interval


def breakdown(clips: Judged) -> dict[str, pd.DataFrame]:
    """Folder of reports/tables → its table."""
    return {
        "classes": classes(clips),
        "confusion": confusion(clips),
        "calibration": bins(clips),
        "correct": correct(clips),
    }


def classes(clips: Judged) -> pd.DataFrame:
    """A row per true class: `n` videos, `correct` ones, `top1` and expected calibration error.

    low, high and ece_low, ece_high: 95 %, each for its class alone; empty where all videos of a
    class come from one source.
    """
    rows = []
    for label, numbers in _of_each(clips.table["label"].to_numpy()).items():
        hits, confidence = clips.hits[numbers], clips.confidence[numbers]
        draws = clips.draws.of(numbers)
        low, high = share_interval(hits, draws)
        error = calibration.reliability(confidence, hits).error
        error_low, error_high = calibration.error_interval(confidence, hits, draws)
        rows.append(
            {
                "class": label,
                "n": len(numbers),
                "correct": float(hits.sum()),
                "top1": 100 * float(hits.mean()),
                "low": 100 * float(low),
                "high": 100 * float(high),
                "ece": 100 * error,
                "ece_low": 100 * error_low,
                "ece_high": 100 * error_high,
            }
        )
    return pd.DataFrame(rows)


def confusion(clips: Judged) -> pd.DataFrame:
    """A row per true class and predicted one with `videos`, none where there is no video.

    predicted: empty where scores were not finite; the first of the classes that share the best one.
    """
    pairs = clips.table.groupby(["label", "predicted"], as_index=False)
    return pairs.agg(videos=("video", "size")).loc[:, ["label", "predicted", "videos"]]


def bins(clips: Judged) -> pd.DataFrame:
    """A row per bin of confidence, an empty one too.

    bin: from 1. low, high: its edges. n: videos. confidence: mean. accuracy: top-1, with
    accuracy_low and accuracy_high, 95 %, for this bin alone.
    """
    found = calibration.reliability(clips.confidence, clips.hits)
    intervals = np.full((len(found.n), 2), np.nan)
    for number in np.flatnonzero(found.n):
        inside = np.flatnonzero(found.bin == number)
        intervals[number] = share_interval(clips.hits[inside], clips.draws.of(inside))
    return pd.DataFrame(
        {
            "bin": np.arange(1, len(found.n) + 1),
            "low": 100 * found.low,
            "high": 100 * found.high,
            "n": found.n,
            "confidence": 100 * found.confidence,
            "accuracy": 100 * found.hits,
            "accuracy_low": 100 * intervals[:, 0],
            "accuracy_high": 100 * intervals[:, 1],
        }
    )


def correct(clips: Judged) -> pd.DataFrame:
    """A row per video: `top1` and `top5` are 1 or 0, or the chance to be right where a tie decides.

    What pairs one model with another on the same videos.
    """
    ranks = clips.ranking
    names = clips.table.loc[:, ["video", "group"]]
    return names.assign(top1=ranks.hits(1), top5=ranks.hits(5))


def _of_each(labels: NDArray) -> dict[str, NDArray[np.int64]]:
    """Class → numbers of its videos, by name."""
    return {label: np.flatnonzero(labels == label) for label in sorted(set(labels))}
