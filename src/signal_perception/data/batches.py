"""Clip stores as torch data sets: random training clips and fixed test views.

What an item is depends on (seed, epoch, id of the video) alone: not on the batch, the order, the worker or the size of the data set.
Clip stores open their shards at first use, so data sets may be handed to forked or spawned workers.
"""

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from signal_perception.data import sampling, transforms
from signal_perception.data.clips import ClipStore
from signal_perception.seeding import generator


class TrainClips(Dataset):
    """One random clip of each video: item = (uint8 (t s s c), label).

    Parameters
    ----------
    rule, frames, stride: which frames, see `sampling`.
    size: side of the square clip. scale: of the random crop, see `sampling.train_crop`. flip: mirror half of the clips.
    """

    def __init__(
        self,
        store: ClipStore,
        *,
        rule: str,
        frames: int,
        stride: int,
        size: int,
        scale: tuple[float, float] = (1.0, 1.0),
        flip: bool = False,
        seed: int = 0,
    ):
        self.store, self.seed = store, seed
        self.rule, self.frames, self.stride = rule, frames, stride
        self.size, self.scale, self.flip = size, scale, flip
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose draws the items have; call it before the epoch's loop over a loader."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, video: int) -> tuple[torch.Tensor, int]:
        rng = generator(self.seed, "train", self.epoch, self.store.ids[video])
        total, fps = int(self.store.frames[video]), float(self.store.fps[video])
        clip = self.store.read(video, sampling.train_indices(self.rule, total, fps, self.frames, self.stride, rng))
        return transforms.train_view(clip, self.size, self.scale, self.flip, rng), int(self.store.labels[video])


class TestClips(Dataset):
    """All fixed views of each video: item = (uint8 (views t s s c), label), views = clips × crops, clips first.

    Parameters
    ----------
    rule, frames, stride, clips: which frames and, by the rule, whose crops, see `sampling`.
    size: side of the crops. resize: short side before cropping (None: `size`). crops: 1 or 3, see `sampling.test_crops`.
    control: what is done to the order of the frames of every clip, see `transforms.control_order`; one shuffle per video.
    """

    __test__ = False  # pytest would take the name for a test class where it is imported

    def __init__(
        self,
        store: ClipStore,
        *,
        rule: str,
        frames: int,
        stride: int,
        size: int,
        resize: int | None = None,
        clips: int = 1,
        crops: int = 1,
        control: str = "clip",
        seed: int = 0,
    ):
        self.store, self.seed = store, seed
        self.rule, self.frames, self.stride, self.clips = rule, frames, stride, clips
        self.size, self.resize, self.crops = size, resize or size, crops
        self.control = control

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, video: int) -> tuple[torch.Tensor, int]:
        total, fps = int(self.store.frames[video]), float(self.store.fps[video])
        indices = sampling.test_indices(self.rule, total, fps, self.frames, self.stride, self.clips)
        rng = generator(self.seed, "control", self.store.ids[video])
        indices = indices[:, transforms.control_order(self.control, self.frames, rng)]
        pictures = self.store.read(video, indices.ravel())
        views = transforms.test_views(pictures, self.rule, self.size, self.resize, self.crops)  # crops (clips t) s s c
        views = views.unflatten(1, indices.shape).transpose(0, 1).flatten(0, 1)  # (clips crops) t s s c
        return views, int(self.store.labels[video])


class _EpochOrder(Sampler[int]):
    """A random order of the videos which depends on (seed, epoch) of the data set."""

    def __init__(self, dataset: TrainClips):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[int]:
        rng = generator(self.dataset.seed, "order", self.dataset.epoch)
        yield from rng.permutation(len(self.dataset)).tolist()


def loader(dataset: TrainClips | TestClips, batch: int, workers: int = 0, *, drop_last: bool = False) -> DataLoader:
    """Batches of `batch` items: training clips in the epoch's random order, test views in the store's order.

    workers: processes that decode ahead; 0 decodes in this one. Results are the same for any number.
    """
    return DataLoader(
        dataset,
        batch_size=batch,
        sampler=_EpochOrder(dataset) if isinstance(dataset, TrainClips) else None,
        num_workers=workers,
        drop_last=drop_last,
        pin_memory=torch.cuda.is_available(),
        # new workers for every loop: they see the epoch that was set before it
        persistent_workers=False,
    )
