"""What a clean model has made of clips up to a boundary, kept for all that comes after it.

A cell changes nothing before the first step that it disturbs. The clean states there are computed
once and serve every cell and repeat that begins at that boundary; those of the next boundary are
computed from them, so a clip runs through the clean model once.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import islice
from pathlib import Path

import torch

from signal_perception.clips.held import budget
from signal_perception.clips.transforms import normalise
from signal_perception.inference.ahead import read_ahead
from signal_perception.inference.blocks import Videos
from signal_perception.inference.device import arithmetic
from signal_perception.inference.passes import Shown, clips_of
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core.state import State
from signal_perception.noise.states import States
from signal_perception.noise.steps import Step
from signal_perception.vocabulary import CLIP

# Share of a GPU's memory beside a batch at work that clean states may take.
_SHARE = 0.8


class Prefix:
    """The clean states of the clips of some videos at one boundary between two steps.

    The clips run in batches as everywhere (see `inference.batch`), and the states of a batch stay
    together.

    Parameters
    ----------
    steps: of the model, which must be clean whenever `move` is called.
    folder: of the file for states that memory has no room for.
    """

    def __init__(self, scorer: Scorer, steps: Sequence[Step], clips: Shown, folder: Path):
        self.scorer, self._steps, self._clips = scorer, steps, clips
        self._folder, self._share = folder, _SHARE
        self.forget()

    @property
    def boundary(self) -> int:
        """Number of the step that comes next."""
        return self._boundary

    def move(self, videos: Sequence[int], boundary: int) -> None:
        """Go on to a boundary; back to the clips for other videos, or one that lies before."""
        if self._videos != tuple(videos) or boundary < self._boundary:
            self._begin(videos, boundary)
        elif boundary > self._boundary:
            self._advance(boundary)

    def batches(self) -> Iterator[tuple[State, int]]:
        """State of each batch, and how many clips it is of; on a CPU rows that are none follow."""
        numbers = range(len(self._counts))
        # threads bring what is not on a GPU
        states = (
            map(self._states.get, numbers)
            if self._states.at_hand
            else read_ahead(self._states.get, numbers, ahead=1)
        )
        yield from zip(states, self._counts, strict=True)

    def forget(self) -> None:
        """Hold nothing."""
        self._states = States(self.scorer.where, self._folder, device=0, memory=0)
        self._counts: list[int] = []
        self._videos: tuple[int, ...] | None = None
        self._boundary = 0

    def shrink(self) -> None:
        """Hold nothing, and less on the device from now on, with half as many clips in a batch."""
        self.forget()
        self._share /= 2
        self.scorer.batch.shrink()

    def settle(self, videos: Sequence[int]) -> None:
        """Find out how many clips a GPU takes at once, where it is not known yet."""
        while not self.scorer.batch.settled:
            self._try(videos)

    @torch.inference_mode()
    def run(self, state: State, start: int, stop: int | None = None) -> State:
        """Steps [start, stop) after a state, or all from `start` on, which gives logits."""
        with arithmetic(self.scorer.precision, self.scorer.where):
            return reduce(lambda x, each: each.run(x), self._steps[start:stop], state)

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the first step takes: a whole batch of clips uint8 (n t h w c), normalised."""
        taken = self.scorer.input
        return normalise(self.scorer.filled(pixels), taken.mean, taken.std)

    def pixels(self, videos: Sequence[int]) -> Iterator[torch.Tensor]:
        """The clips of videos in batches uint8 (n t h w c), view after view, read ahead."""
        clips = clips_of(self._clips, [CLIP], [Videos(tuple(videos))])
        while batch := [pixels for _, pixels in islice(clips, self.scorer.batch.size)]:
            yield torch.stack(batch)

    def _begin(self, videos: Sequence[int], boundary: int) -> None:
        self.forget()
        device = self._room(videos) if self.scorer.where.type == "cuda" else 0
        self._states = States(self.scorer.where, self._folder, device=device, memory=budget())
        for number, pixels in enumerate(self.pixels(videos)):
            self._states.put(number, self.run(self.images(pixels), 0, boundary))
            self._counts.append(len(pixels))
        self._videos, self._boundary = tuple(videos), boundary

    def _advance(self, boundary: int) -> None:
        # in between the states lie at two boundaries, so an error must not leave them in use
        videos, self._videos = self._videos, None
        for number, (state, _) in enumerate(self.batches()):
            self._states.put(number, self.run(state, self._boundary, boundary))
        self._videos, self._boundary = videos, boundary

    def _room(self, videos: Sequence[int]) -> int:
        """Bytes of a GPU that are left for states beside a batch at work."""
        self.settle(videos)
        where = self.scorer.where
        before = torch.cuda.memory_allocated(where)
        torch.cuda.reset_peak_memory_stats(where)
        self._try(videos)
        at_work = torch.cuda.max_memory_allocated(where) - before
        free, _ = torch.cuda.mem_get_info(where)
        idle = torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where)
        return max(int(self._share * (free + idle - at_work)), 0)

    def _try(self, videos: Sequence[int]) -> None:
        """Run the model on a batch that is of no use but for its memory."""
        clip = self._clips.inputs(videos[0], [CLIP])[CLIP][:1]
        self.scorer.logits(clip.repeat(self.scorer.batch.size, 1, 1, 1, 1))
