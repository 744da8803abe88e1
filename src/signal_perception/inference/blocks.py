"""The test set in blocks of videos, and what each video is shown as."""

from collections.abc import Sequence
from dataclasses import dataclass

from signal_perception.vocabulary import CLIP

# What a killed stage does again at most, on each of its workers.
_VIDEOS = 32


@dataclass(frozen=True)
class Videos:
    """Some videos of the test split, by their numbers, in order."""

    numbers: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of a file about them: the number of the first one."""
        return f"{self.numbers[0]:06d}"


def blocks(numbers: Sequence[int]) -> list[Videos]:
    """These videos in blocks, in order."""
    return [
        Videos(tuple(numbers[start : start + _VIDEOS])) for start in range(0, len(numbers), _VIDEOS)
    ]


def inputs(controls: Sequence[str]) -> tuple[str, ...]:
    """What every video is shown as: the clip as it is, then each control."""
    return (CLIP, *controls)
