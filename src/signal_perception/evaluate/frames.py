"""Which frames the test clips are made of: how many are new, and how far apart in time.

A video shorter than a clip repeats frames or begins again (`clips.repeats`); neither is motion.
"""

import numpy as np
import pandas as pd

from signal_perception.clips.repeats import repeats
from signal_perception.clips.sampling import frame_seconds, test_indices
from signal_perception.clips.settings import Input
from signal_perception.clips.store import ClipStore

COLUMNS = ("distinct", "repeated", "looped", "seconds")


def frames(store: ClipStore, input: Input, clips: int) -> pd.DataFrame:
    """A row per video: means over its clips of `distinct`, `repeated` and `looped` frames.

    And `seconds`, the nominal time between two distinct frames, NaN where no rate is known.
    """
    rows = []
    for total, fps in zip(store.frames, store.fps, strict=True):
        rule, shape = input.sampling, (input.frames, input.stride)
        indices = test_indices(rule, int(total), float(fps), *shape, clips)
        found = repeats(rule, indices, input.stride)
        rows.append(
            {
                "distinct": float(found.distinct.mean()),
                "repeated": float(found.repeated.mean()),
                "looped": float(found.looped.mean()),
                "seconds": frame_seconds(rule, float(fps), *shape, int(total)),
            }
        )
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame, input: Input, clips: int) -> dict[str, float | int | None]:
    """What `frames` found of all videos, in its columns.

    frames, clips: of a clip, of a video. distinct: mean per clip. repeated, looped: percent of the
    videos with such frames. seconds: median, None where no rate is known.
    """
    shown = {name: table[name].to_numpy(np.float64) for name in COLUMNS}
    seconds = shown["seconds"][~np.isnan(shown["seconds"])]
    return {
        "clips": clips,
        "frames": input.frames,
        "distinct": float(shown["distinct"].mean()),
        "repeated": 100 * float(np.mean(shown["repeated"] > 0)),
        "looped": 100 * float(np.mean(shown["looped"] > 0)),
        "seconds": float(np.median(seconds)) if len(seconds) else None,
    }
