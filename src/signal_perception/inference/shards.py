"""The test set in shards of videos, and what each video is shown as."""

from collections.abc import Sequence
from dataclasses import dataclass

from signal_perception.vocabulary import CLIP


@dataclass(frozen=True)
class Videos:
    """Videos start … stop−1 of the test split."""

    start: int
    stop: int


def shards(videos: int, size: int) -> list[Videos]:
    """All of so many videos, `size` at a time, in order."""
    return [Videos(start, min(start + size, videos)) for start in range(0, videos, size)]


def inputs(controls: Sequence[str]) -> tuple[str, ...]:
    """What every video is shown as: the clip as it is, then each control."""
    return (CLIP, *controls)
