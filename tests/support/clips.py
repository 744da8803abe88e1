"""Small clip stores, written by the code that writes large ones."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from signal_perception.clips import datasets
from signal_perception.clips.datasets import TestClips, TrainClips
from signal_perception.clips.pictures import encoder
from signal_perception.clips.store import ClipStore
from signal_perception.decode.catalogue import Video
from signal_perception.decode.store_writer import shard_rows, write_index, write_shard
from signal_perception.decode.video import Decoded


def make_store(path: Path, numbers: range, frames: int = 30) -> ClipStore:
    """Videos of so many frames whose channel 0 is the frame and channel 1 the video."""
    pairs, encode = [], encoder("png", 95, "half")
    for number in numbers:
        t, _, x = np.indices((frames, 24, 36))
        pixels = np.stack([t, np.full_like(t, number), x], axis=-1).astype(np.uint8)
        decoded = Decoded(
            [encode(frame) for frame in pixels],
            (24, 36),
            frames,
            15.0,
            36,
            24,
            "h264",
            "decord",
            "ok",
            "",
        )
        pairs.append((Video(f"{number:02d}.mp4", Path("x"), number % 3, "train", "g"), decoded))
    for shard in (0, 1):
        write_shard(path, shard, pairs[shard::2])
    write_index(path, ("a", "b", "c"), shard_rows(path, 0) + shard_rows(path, 1))
    return ClipStore(path)


def batches(
    clips: TrainClips | TestClips, size: int, workers: int = 0
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of a loader: training clips in the epoch's order, test views in the store's."""
    training = isinstance(clips, TrainClips)
    order = datasets.epoch_order(clips) if training else np.arange(len(clips))
    pieces = [order[start : start + size].tolist() for start in range(0, len(order), size)]
    yield from datasets.loader(clips, pieces, workers)
