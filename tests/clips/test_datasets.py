"""Items depend on seed, epoch and video alone.

Views come in the agreed order; workers change nothing.
"""

from typing import Any

import numpy as np
import psutil
import pytest
import torch

from signal_perception.clips import datasets
from signal_perception.clips.augment import Augment
from signal_perception.clips.datasets import TestClips, TrainClips
from signal_perception.clips.settings import Input
from signal_perception.clips.store import ClipStore
from tests.support.clips import batches, make_store


def shown(sampling: str = "dense", **values: Any) -> Input:
    """A model's input."""
    standard = {"mean": (0, 0, 0), "std": (1, 1, 1), "resize": None, "fusion": "logits"}
    return Input.model_validate(standard | {"sampling": sampling} | values)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ClipStore:
    return make_store(tmp_path_factory.mktemp("clips") / "s.zarr", range(10))


def train(store: ClipStore, seed: int = 0) -> TrainClips:
    wanted = shown(frames=4, stride=3, size=16)
    return TrainClips(store, wanted, augment=Augment((0.4, 1.0), flip=True), seed=seed)


def test_a_training_item_depends_on_seed_epoch_and_video_alone(store, tmp_path):
    dataset = train(store)
    first, label = dataset[4]
    assert first.shape == (4, 16, 16, 3)
    assert first.dtype == torch.uint8
    assert label == 4 % 3
    assert (first[..., 1] == 4).all()
    assert not torch.equal(dataset[7][0], dataset[1][0])
    assert torch.equal(dataset[4][0], first)
    smaller = train(make_store(tmp_path / "t.zarr", range(3, 6)))
    assert smaller.store.ids[1] == "04.mp4"
    assert torch.equal(smaller[1][0], first)
    dataset.set_epoch(1)
    assert not torch.equal(dataset[4][0], first)
    dataset.set_epoch(0)
    assert torch.equal(dataset[4][0], first)
    assert not torch.equal(train(store, seed=1)[4][0], first)


def collected(dataset, batch: int, workers: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(clips, labels) for clips, labels in batches(dataset, batch, workers)]


def test_workers_change_nothing_and_every_epoch_has_its_own_order(store):
    dataset = train(store)
    orders = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        here, there = collected(dataset, 4, 0), collected(dataset, 4, 2)
        for (clips, labels), (other_clips, other_labels) in zip(here, there, strict=True):
            assert torch.equal(clips, other_clips)
            assert torch.equal(labels, other_labels)
        order = torch.cat([clips[:, 0, 0, 0, 1] for clips, _ in here]).tolist()
        assert sorted(order) == list(range(10))
        orders.append(order)
    assert len({tuple(order) for order in orders}) == 3
    assert [len(labels) for _, labels in here] == [4, 4, 2]


def test_copies_of_a_clip_have_views_of_their_own_and_some_videos_may_be_left_out(store):
    dataset = train(store)
    for copy in (1, 2):
        again, label = dataset[copy * 10 + 4]
        assert label == 4 % 3
        assert (again[..., 1] == 4).all()
        assert not torch.equal(again, dataset[4][0])
        # the frames are the same
        assert torch.equal(again[:, 0, 0, 0], dataset[4][0][:, 0, 0, 0])
    assert not torch.equal(dataset[14][0], dataset[24][0])
    wanted = shown(frames=4, stride=3, size=16)
    some = TrainClips(store, wanted, augment=Augment((0.4, 1.0), flip=True), videos=[7, 2, 4])
    assert len(some) == 3
    assert [int(some[item][0][0, 0, 0, 1]) for item in range(6)] == [7, 2, 4, 7, 2, 4]
    assert torch.equal(some[2][0], dataset[4][0])
    assert torch.equal(some[5][0], dataset[14][0])


def test_test_views_are_clips_by_crops_in_the_order_of_the_store(store):
    wanted = shown(frames=4, stride=3, size=16, resize=24)
    dataset = TestClips(store, wanted, clips=2, crops=3)
    views, label = dataset[5]
    assert views.shape == (6, 4, 16, 16, 3)
    assert label == 5 % 3
    # window 12 of 30: clips start at 0 and 18, steps of 11/3
    assert views[:3, :, 0, 0, 0].tolist() == [[0, 3, 7, 11]] * 3
    assert views[3:, :, 0, 0, 0].tolist() == [[18, 21, 25, 29]] * 3
    assert views[:, 0, 0, 0, 2].tolist() == [0, 10, 20] * 2
    found = list(batches(dataset, 4))
    assert [int(v) for clips, _ in found for v in clips[:, 0, 0, 0, 0, 1]] == list(range(10))
    assert torch.cat([labels for _, labels in found]).tolist() == store.labels.tolist()
    single = TestClips(store, shown("uniform", frames=4, stride=1, size=12))
    assert single[0][0].shape == (1, 4, 12, 12, 3)


@pytest.mark.parametrize("rule", ["dense", "mmaction"])
def test_one_view_alone_is_what_it_is_among_all(store, rule):
    wanted = shown(rule, frames=4, stride=3, size=16, resize=20)
    every = TestClips(store, wanted, clips=2, crops=3)
    names = ["clip", "shuffled"]
    expected = every.inputs(5, names)
    assert every.views == 6
    for view in range(6):
        single = datasets.test_clips(store.path, wanted, seed=0, clips=2, crops=3, view=view)
        assert single.views == 1
        for name, views in single.inputs(5, names).items():
            assert torch.equal(views, expected[name][view : view + 1])


def test_clips_of_a_model_are_made_from_the_path_of_a_store(store):
    wanted = shown(frames=4, stride=3, size=16, resize=24)
    fixed = datasets.test_clips(store.path, wanted, seed=1, clips=2, crops=3)
    expected = TestClips(store, wanted, seed=1, clips=2, crops=3)
    assert torch.equal(fixed[3][0], expected[3][0])
    shuffled, other = (
        TestClips(store, wanted, seed=seed).inputs(3, ["shuffled"])["shuffled"] for seed in (0, 1)
    )
    assert not torch.equal(shuffled, other)


def test_controls_change_the_order_of_frames_and_nothing_else(store):
    def frames(control: str, seed: int = 0) -> list[list[list[int]]]:
        wanted = shown(frames=8, stride=2, size=24)
        dataset = TestClips(store, wanted, clips=2, seed=seed)
        views = [dataset.inputs(video, [control])[control] for video in range(10)]
        return [each[:, :, 0, 0, 0].tolist() for each in views]

    plain = frames("clip")
    assert frames("reversed") == [[clip[::-1] for clip in views] for views in plain]
    assert frames("static") == [[[clip[0]] * 8 for clip in views] for views in plain]
    shuffled = frames("shuffled")
    assert shuffled == frames("shuffled")
    assert shuffled != frames("shuffled", seed=1)
    assert [[sorted(clip) for clip in views] for views in shuffled] == plain
    orders = [[np.argsort(np.argsort(clip)).tolist() for clip in views] for views in shuffled]
    # one shuffle per video, the same for its clips
    assert all(views[0] == views[1] for views in orders)
    assert len({tuple(views[0]) for views in orders}) == 10


def test_frames_are_decoded_once_for_all_inputs(store, monkeypatch):
    asked = []
    read = ClipStore.read
    monkeypatch.setattr(
        ClipStore, "read", lambda self, *wanted: asked.append(wanted) or read(self, *wanted)
    )
    dataset = TestClips(store, shown(frames=8, stride=2, size=24), clips=2, crops=3)
    found = dataset.inputs(4, ["clip", "static", "shuffled", "reversed"])
    assert len(asked) == 1
    assert torch.equal(found["clip"], dataset[4][0])
    assert torch.equal(found["reversed"], dataset[4][0].flip(1))
    assert all(views.shape == (6, 8, 24, 24, 3) for views in found.values())


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", [TrainClips, TestClips])
def test_memory_is_flat_after_the_first_pass(store, kind, workers):
    # 15 MB a pass: more than what is allowed to stay
    dataset = kind(store, shown(frames=30, stride=1, size=128))
    resident = []
    for _ in range(5):
        for clips, _labels in batches(dataset, 4, workers):
            # pages that no one looks at are not resident
            assert clips[..., 0].max() == 29
        resident.append(psutil.Process().memory_info().rss / 1e6)
    # what the allocator happens to hold moves by a batch; clips that stay would be 30 MB and more
    # by the fourth pass
    assert min(resident[-2:]) < resident[0] + 20, resident
