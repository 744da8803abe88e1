"""How fast clips and their controls come from a clip store, by threads."""

import tempfile
from functools import partial
from pathlib import Path

from benchmarks import stores, timing
from benchmarks.gpu.board import Board
from benchmarks.subjects import Subject
from signal_perception.clips.datasets import test_clips
from signal_perception.inference.ahead import read_ahead
from signal_perception.pipeline import workers
from signal_perception.vocabulary import INPUTS

_VIDEOS = 64


def loading(board: Board, subject: Subject) -> None:
    """A row per number of threads, up to the cores: videos of 340×256 pixels under four inputs."""
    with tempfile.TemporaryDirectory() as folder:
        store = stores.of_scenes(Path(folder) / "clips", _VIDEOS)
        shown = test_clips(store.path, subject.entry.input, seed=0)
        read = partial(shown.inputs, names=INPUTS)
        threads = 1
        while threads <= workers.cores():
            # more videos for more threads, or it is over at once
            videos = [video % _VIDEOS for video in range(_VIDEOS * min(threads, 4))]
            ahead = read_ahead(read, videos, threads=threads, ahead=2 * threads)
            seconds = timing.once(lambda ahead=ahead: [None for _ in ahead])
            rate = len(videos) / seconds
            board.add(
                "loading",
                model=subject.name,
                threads=threads,
                videos_per_second=rate,
                clips_per_second=len(INPUTS) * rate,
            )
            threads *= 2
