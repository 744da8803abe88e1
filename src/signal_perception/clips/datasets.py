"""Clip stores as torch data sets: random training clips and fixed test views.

What an item is depends on (seed, epoch, id of the video) alone: not on the batch, the order, the
worker or the size of the data set. Clip stores open their shards at first use, so data sets may be
handed to forked or spawned workers.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from signal_perception.clips import sampling, transforms
from signal_perception.clips.augment import Augment, train_view
from signal_perception.clips.settings import Input
from signal_perception.clips.store import ClipStore
from signal_perception.seeding import generator

# All of the short side, at a random place.
_PLAIN = Augment((1.0, 1.0))


class TrainClips(Dataset):
    """Random clips of each video: item = (uint8 (t s s c), label).

    Item k·n + v is the k-th view of a clip of the v-th of the n videos.

    Parameters
    ----------
    input: which frames, and the side s of the clip.
    augment: how the clips are varied.
    videos: numbers of those of the store that are shown; None: all.
    """

    def __init__(
        self,
        store: ClipStore,
        input: Input,
        *,
        augment: Augment = _PLAIN,
        seed: int = 0,
        videos: Sequence[int] | None = None,
    ):
        self.store, self.input, self.seed = store, input, seed
        self.augment = augment
        self.videos = list(range(len(store)) if videos is None else videos)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose draws the items have; call it before the loop over a loader."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, int]:
        copy, place = divmod(item, len(self.videos))
        video = self.videos[place]
        name = ("train", self.epoch, self.store.ids[video])
        rng = generator(self.seed, *name)
        total, fps = int(self.store.frames[video]), float(self.store.fps[video])
        indices = sampling.train_indices(
            self.input.sampling, total, fps, self.input.frames, self.input.stride, rng
        )
        clip = self.store.read(video, indices)
        if copy:
            # the same frames in another view, as authors repeat augmentation
            rng = generator(self.seed, *name, copy)
        view = train_view(clip, self.input.size, self.augment, rng)
        return view, int(self.store.labels[video])


class TestClips(Dataset):
    """The fixed views of each video: item = (uint8 (views t s s c), label).

    There are clips × crops views, clips first.

    Parameters
    ----------
    input: which frames and, by its sampling, whose crops; the side s of the crops.
    clips: number of clips, see `sampling.test_indices`. crops: 1 or 3, see `sampling.test_crops`.
    view: number of the only one of these views that is shown; None shows all.
    """

    # pytest would take the name for a test class where it is imported
    __test__ = False

    def __init__(
        self,
        store: ClipStore,
        input: Input,
        *,
        clips: int = 1,
        crops: int = 1,
        view: int | None = None,
        seed: int = 0,
    ):
        self.store, self.input, self.seed = store, input, seed
        self.clips, self.crops, self.view = clips, crops, view

    @property
    def views(self) -> int:
        """Views shown of each video."""
        return self.clips * self.crops if self.view is None else 1

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, video: int) -> tuple[torch.Tensor, int]:
        wanted = self.input
        total, fps = int(self.store.frames[video]), float(self.store.fps[video])
        indices = sampling.test_indices(
            wanted.sampling, total, fps, wanted.frames, wanted.stride, self.clips
        )
        crops = slice(None)
        if self.view is not None:
            clip, crop = divmod(self.view, self.crops)
            indices, crops = indices[clip : clip + 1], slice(crop, crop + 1)
        pictures = self.store.read(video, indices.ravel())
        # crops (clips t) s s c
        views = transforms.test_views(
            pictures, wanted.sampling, wanted.size, wanted.resize or wanted.size, self.crops
        )
        # (clips crops) t s s c
        views = views[crops].unflatten(1, indices.shape).transpose(0, 1).flatten(0, 1)
        return views, int(self.store.labels[video])

    def inputs(self, video: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """The views of a video as they are and under controls, from frames decoded once.

        names: see `transforms.control_order`; one shuffle per video. Name → uint8 (views t s s c).
        """
        views = self[video][0]
        found = {}
        for name in names:
            rng = generator(self.seed, "control", self.store.ids[video])
            order = transforms.control_order(name, self.input.frames, rng)
            found[name] = views[:, torch.from_numpy(order)]
        return found


def test_clips(
    path: Path,
    input: Input,
    *,
    seed: int,
    clips: int = 1,
    crops: int = 1,
    view: int | None = None,
) -> TestClips:
    """The fixed views of the videos in the clip store at `path`."""
    return TestClips(ClipStore(path), input, clips=clips, crops=crops, view=view, seed=seed)


# pytest would take the name for a test where it is imported
test_clips.__test__ = False  # type: ignore[attr-defined]


def loader(
    clips: TrainClips | TestClips, pieces: Sequence[Sequence[int]], workers: int = 0
) -> DataLoader:
    """Batches of items and labels (b,), those of one piece after the other.

    workers: processes that decode ahead; 0 decodes in this one. Results are the same for any
        number.
    """
    return DataLoader(
        clips,
        # a list of lists is what it asks of a sampler of batches
        batch_sampler=pieces,  # type: ignore[arg-type]
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        # new workers for every loop: they see the epoch that was set before it
        persistent_workers=False,
    )


def epoch_order(clips: TrainClips) -> np.ndarray:
    """A random order of the videos, int64 (n,), which depends on (seed, epoch) of the data set."""
    rng = generator(clips.seed, "order", clips.epoch)
    return rng.permutation(len(clips))
