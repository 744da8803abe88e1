"""How much of a clip is new: the frames of a short video that are shown more than once.

A video shorter than a clip is filled up by its sampling rule: frames are shown again right away
(mostly the last one), or the video begins again. Neither is motion, so both are counted.
"""

from dataclasses import dataclass

import numpy as np

from signal_perception.clips import sampling


@dataclass(frozen=True)
class Repeats:
    """Counts of the frames of each clip, int64 (…), one per clip.

    distinct: different source frames.
    repeated: frames equal to the one right before them, at the end of the clip or within it.
    looped: frames from the first time on that the video begins again.

    0 1 2 2 2 has 3, 2, 0; 0 4 8 2 6 0, stride 4 modulo 10, has 5, 0, 3. The counts overlap: where
    `mmaction` finds a single frame, all but the first are repeated and looped.
    """

    distinct: np.ndarray
    repeated: np.ndarray
    looped: np.ndarray


def repeats(rule: str, indices: np.ndarray, stride: int) -> Repeats:
    """Counts of clips that `rule` made with `stride`: indices (… frames)."""
    steps = np.diff(indices)
    distinct = 1 + (np.diff(np.sort(indices)) > 0).sum(-1)
    # A step of such a rule is one stride unless the video began again. Looking for steps back is
    # not enough: 32 modulo 30 is 2.
    began = steps != stride if sampling.begins_again(rule) else np.zeros_like(steps, dtype=bool)
    looped = np.logical_or.accumulate(began, axis=-1).sum(-1)
    return Repeats(distinct, (steps == 0).sum(-1), looped)
