"""One pass of a model over test clips: read once, run in batches, heard by sinks.

Videos are read ahead by threads; each is shown as it is and under its controls, from frames decoded
once. The clips run in batches; whatever hears them (scores, activations, spectral means) takes its
tensors on the device, as the model makes them, and nothing waits for the device before its results
are written, in a thread, while the model runs on.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol

import torch

from signal_perception.clips.transforms import normalise
from signal_perception.inference import device
from signal_perception.inference.ahead import WriteBehind, read_ahead
from signal_perception.inference.blocks import Videos
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core.taps import Tap, listen
from signal_perception.vocabulary import INPUT

# The name under which sinks hear the model's logits, beside those of taps and of the input.
LOGITS = "logits"


@dataclass(frozen=True)
class Clip:
    """A clip that runs: what it is shown as, and its row among all clips of the videos.

    input: place among the names of the pass. row: view v of video n is row n·views + v. last: of
    its block.
    """

    input: int
    row: int
    last: bool = False


class Sink(Protocol):
    """What becomes of what the model says about a batch.

    `begin`, `hear` for each name that it hears, then `end`; or `begin` again, of fewer clips, where
    the batch did not fit the device.
    """

    def hears(self, name: str) -> bool:
        """Whether it takes the tensors of this name."""
        ...

    def begin(self, clips: Sequence[Clip]) -> None:
        """Begin a batch of these clips."""
        ...

    def hear(self, name: str, values: torch.Tensor) -> None:
        """Take the values of a batch: (n t h w c), of logits (n classes), on the device.

        They may change as soon as this returns. On a CPU more rows may follow those of the clips,
        which fill the batch up: a sink calculates with them too, since n decides last bits.
        """
        ...

    def end(self) -> Callable[[], object]:
        """End a batch; the answer is called in a thread and keeps or writes its results.

        It is called once the device has done its work, batch after batch.
        """
        ...


class Shown(Protocol):
    """Test videos as clips, of which any thread may ask."""

    def inputs(self, video: int, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        """The views of a video under each name: uint8 (views t s s c)."""
        ...


@dataclass(frozen=True)
class Pass:
    """A model, the clips it is shown and what they are shown as.

    names: of the inputs, see `vocabulary.INPUTS`.
    """

    scorer: Scorer
    clips: Shown
    names: Sequence[str]

    def run(
        self,
        blocks: Sequence[Videos],
        taps: Sequence[Tap],
        sinks: Sequence[Sink],
        done: Callable[[Videos], object],
    ) -> None:
        """Run all clips of the videos of each block, one video after the other.

        done: is called in the thread that writes, once everything about a block is written.
        """
        waiting = clips_of(self.clips, self.names, blocks)
        ends = deque(blocks)
        with WriteBehind() as writer:
            while batch := list(islice(waiting, self.scorer.batch.size)):
                pixels = torch.stack([picture for _, picture in batch])
                clips = [clip for clip, _ in batch]
                for event, part in self._fitting(pixels, clips, taps, sinks):
                    writes = [sink.end() for sink in sinks]
                    finished = [ends.popleft() for _ in range(sum(clip.last for clip in part))]
                    writer.write(partial(_write, event, writes, finished, done))

    def _fitting(
        self, pixels: torch.Tensor, clips: list[Clip], taps: Sequence[Tap], sinks: Sequence[Sink]
    ) -> Iterator[tuple[torch.cuda.Event | None, list[Clip]]]:
        """Run a batch, in halves where the device's memory asks for it.

        Yields for each part when the device has done it, and its clips.
        """
        batch, start = self.scorer.batch, 0
        while start < len(clips):
            stop = start + batch.size
            for sink in sinks:
                sink.begin(clips[start:stop])
            try:
                forward(self.scorer, pixels[start:stop], taps, sinks)
            except torch.cuda.OutOfMemoryError:
                batch.shrink()
                continue
            yield _event(self.scorer.where), clips[start:stop]
            start = stop


@torch.inference_mode()
def forward(
    scorer: Scorer, pixels: torch.Tensor, taps: Sequence[Tap], sinks: Sequence[Sink]
) -> None:
    """Run clips uint8 (n t h w c), at most a batch, and let the sinks hear the model."""
    scorer.batch.begin()
    images = normalise(scorer.filled(pixels), scorer.input.mean, scorer.input.std)
    heard = [tap for tap in taps if any(sink.hears(tap.name) for sink in sinks)]

    def hear(name: str, values: torch.Tensor) -> None:
        for sink in sinks:
            if sink.hears(name):
                sink.hear(name, values)

    hear(INPUT, images.movedim(1, -1))
    with ExitStack() as context:
        context.enter_context(listen(scorer.model, heard, hear))
        context.enter_context(device.arithmetic(scorer.precision, scorer.where))
        logits = scorer.model(images)
    hear(LOGITS, logits.float())
    scorer.batch.end()


def clips_of(
    clips: Shown, names: Sequence[str], blocks: Sequence[Videos]
) -> Iterator[tuple[Clip, torch.Tensor]]:
    """Every clip to run with its pixels uint8 (t h w c): video after video, input after input.

    Threads read ahead of what is taken.
    """
    read = partial(clips.inputs, names=names)
    videos = [video for block in blocks for video in block.numbers]
    ends = {block.numbers[-1] for block in blocks}
    threads = device.threads_to_read()
    shown: Iterator[Mapping[str, torch.Tensor]]
    shown = read_ahead(read, videos, threads=threads, ahead=threads + 2)
    for video, inputs in zip(videos, shown, strict=True):
        for number, name in enumerate(names):
            for view, pixels in enumerate(inputs[name]):
                views = len(inputs[name])
                last = video in ends and (number, view) == (len(names) - 1, views - 1)
                yield Clip(number, video * views + view, last), pixels


def _event(where: torch.device) -> torch.cuda.Event | None:
    """What tells that the device has done all it was asked for until now; None on a CPU."""
    if where.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(where))
    return event


def _write(
    event: torch.cuda.Event | None,
    writes: Sequence[Callable[[], object]],
    finished: Sequence[Videos],
    done: Callable[[Videos], object],
) -> None:
    if event is not None:
        event.synchronize()
    for write in writes:
        write()
    for block in finished:
        done(block)
