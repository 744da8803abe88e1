"""The test set in blocks of videos, and what each video is shown as."""

from collections.abc import Sequence
from dataclasses import dataclass

from signal_perception.vocabulary import CLIP

# What a killed stage does again at most, on each of its workers.
_VIDEOS = 32


@dataclass(frozen=True)
class Videos:
    """Videos start … stop−1 of the test split."""

    start: int
    stop: int


def blocks(videos: int) -> list[Videos]:
    """So many videos in blocks, in order."""
    return [Videos(start, min(start + _VIDEOS, videos)) for start in range(0, videos, _VIDEOS)]


def inputs(controls: Sequence[str]) -> tuple[str, ...]:
    """What every video is shown as: the clip as it is, then each control."""
    return (CLIP, *controls)
