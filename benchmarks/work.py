"""A model, its taps and test clips, and the passes that evaluate and extract make of them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import zarr

from benchmarks.subjects import Subject
from signal_perception.clips.datasets import TestClips
from signal_perception.extract import shards, sinks, store_writer
from signal_perception.extract.store import Part, StoreFacts, TapFacts
from signal_perception.inference.blocks import Videos, blocks
from signal_perception.inference.passes import LOGITS, Pass
from signal_perception.inference.rows import Rows
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap, capture
from signal_perception.vocabulary import CLIP, INPUT

# ε of each transform, and the number type on disk.
_NUMBERS = (1e-6, 1e-6, 1e-6, "float16")


@dataclass(frozen=True)
class Work:
    """A model with its stream taps, as extract has them, and the clips that it is shown."""

    name: str
    scorer: Scorer
    taps: Sequence[Tap]
    facts: Sequence[TapFacts]
    clips: TestClips

    @property
    def clip_bytes(self) -> int:
        """Bytes of the activations of one clip."""
        return sum(int(np.prod(tap.shape)) * np.dtype(tap.dtype).itemsize for tap in self.facts)

    def bare(self, videos: int, names: Sequence[str] = (CLIP,)) -> None:
        """The pass of evaluate: logits alone."""
        sink = Rows([LOGITS], lambda _name, values: values)

        def done(block: Videos) -> None:
            sink.take(block, len(names), 1)

        Pass(self.scorer, self.clips, names).run(blocks(range(videos)), [], [sink], done)

    def means(self, videos: int, folder: Path) -> None:
        """The pass of extract with `keep: means`; a file per block in `folder`."""
        sink = sinks.means_of(self.facts)
        folder.mkdir(exist_ok=True)

        def done(block: Videos) -> None:
            np.save(folder / f"{block.name}.npy", sink.take(block, 1, 1))

        Pass(self.scorer, self.clips, [CLIP]).run(blocks(range(videos)), self.taps, [sink], done)

    def make_store(self, videos: int, store: Path) -> Path:
        """An activation store of so many videos, whose activations are empty."""
        shutil.rmtree(store, ignore_errors=True)
        ids = tuple(f"{video:05d}" for video in range(videos))
        part = Part(ids, ids, ids, 1)
        facts = StoreFacts((CLIP,), 0.1, "", "none", means=None, activations=part)
        store_writer.create(store, facts, self.facts)
        # its metadata are whole already, and values are written at their places
        store_writer.finish(store, facts, self.facts)
        return store

    def activations(self, videos: int, store: Path) -> None:
        """The pass of extract with `keep: activations`, of all videos, into a store."""
        rows = {video: video for video in range(videos)}
        sink = sinks.Activations(store, self.facts, rows, "none")
        Pass(self.scorer, self.clips, [CLIP]).run(
            blocks(range(videos)), self.taps, [sink], lambda block: None
        )

    def filled_store(self, videos: int, store: Path) -> Path:
        """A store of normal noise: where no one looks at the model, it need not run."""
        self.make_store(videos, store)
        rng = np.random.default_rng(0)
        for tap in self.facts:
            values = rng.standard_normal((videos, *tap.shape), np.float32).astype(tap.dtype)
            folder = store / "activations" / tap.tap / "activation"
            array = zarr.open_array(folder, mode="r")
            shards.write(folder, array, 0, range(videos), values)
        return store


def of(subject: Subject, clips: TestClips, precision: str = "float32") -> Work:
    """The model with random weights; its shapes come from one clip."""
    model = subject.network()
    taps = [tap for tap in registry.taps(subject.name, model) if tap.side == "stream"]
    with torch.inference_mode(), capture(model, taps) as found:
        model(subject.clips(1))
    heard = {INPUT: torch.empty(1, *subject.shape, 3), **found}
    about = [(INPUT, INPUT, -1, "stream"), *((t.name, t.kind, t.block, t.side) for t in taps)]
    facts = []
    for order, each in enumerate(about):
        _, t, h, w, c = heard[each[0]].shape
        facts.append(TapFacts(*each, subject.shape[0] / t, order, (t, h, w, c), *_NUMBERS))
    scorer = Scorer(model, subject.entry.input, precision, subject.where)
    return Work(subject.name, scorer, taps, facts, clips)
