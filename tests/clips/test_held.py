"""Held videos are the decoded ones, decoded once, within a budget; others are decoded each time."""

import pickle
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from signal_perception.clips import held, store
from signal_perception.clips.augment import Augment
from signal_perception.clips.datasets import TrainClips
from signal_perception.clips.held import HeldStore, budget
from signal_perception.clips.settings import Input
from signal_perception.clips.store import ClipStore
from signal_perception.pipeline.errors import UserError
from tests.support.clips import batches, make_store

# decoded bytes of a video of `make_store`
VIDEO = 30 * 24 * 36 * 3
MEMORY = "SIGNAL_PERCEPTION_MEMORY"
LANES = "SIGNAL_PERCEPTION_LANES"


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> ClipStore:
    return make_store(tmp_path_factory.mktemp("held") / "s.zarr", range(6))


@pytest.fixture
def decoded(monkeypatch) -> list[bytes]:
    """Every picture that is decoded in this process from now on."""
    found, decode = [], store.decode_into
    monkeypatch.setattr(
        store,
        "decode_into",
        lambda picture, content: found.append(content) or decode(picture, content),
    )
    return found


def shown() -> Input:
    values = {"frames": 4, "stride": 3, "size": 16, "sampling": "dense", "fusion": "logits"}
    return Input.model_validate(values)


@pytest.mark.parametrize("room", [0, 1, 2.5 * VIDEO, 100 * VIDEO])
def test_frames_are_those_of_the_store_whatever_is_held(plain, room):
    here = HeldStore(plain.path, int(room))
    for indices in ([3, 4, 5], [5, 3, 3, 29], [], [0], list(range(30)), [3, 4, 5]):
        for video in range(6):
            found = here.read(video, indices)
            assert found.dtype == np.uint8
            assert np.array_equal(found, plain.read(video, indices))
            # what a caller does to its frames stays with the caller
            found[...] = 77
            assert np.array_equal(here.read(video, indices), plain.read(video, indices))


def test_a_held_video_is_decoded_once_and_only_if_asked_for(plain, decoded):
    here = HeldStore(plain.path, 6 * VIDEO)
    assert not decoded
    here.read(2, [7, 9, 7])
    assert len(decoded) == 30
    here.read(2, [0, 29])
    assert len(decoded) == 30


def test_the_first_videos_that_fit_are_held_and_the_others_decoded_each_time(plain, decoded):
    here = HeldStore(plain.path, 3 * VIDEO + VIDEO // 2)
    for _ in range(2):
        decoded.clear()
        for video in range(6):
            here.read(video, [0, 1])
    # three of six, a second time
    assert len(decoded) == 3 * 2
    decoded.clear()
    here.read(2, [0, 1])
    assert not decoded


def test_a_small_video_is_held_after_a_large_one_that_does_not_fit():
    sizes = np.array([3, 9, 4, 2, 1, 1])
    assert held._fitting(sizes, 9) == [0, 2, 3]
    assert held._fitting(sizes, 0) == []


def test_frames_that_do_not_exist_are_refused_as_by_the_store(plain):
    here = HeldStore(plain.path, 6 * VIDEO)
    here.read(1, range(30))
    assert here.read(1, []).shape == (0, 24, 36, 3)
    for wrong in ([-1], [30], [3, 30], [-1, 3]):
        with pytest.raises(IndexError, match=r"01\.mp4 has 30 frames"):
            here.read(1, wrong)


def test_workers_decode_into_memory_that_all_share(plain, decoded, monkeypatch):
    monkeypatch.setenv(MEMORY, "100")
    clips = TrainClips(
        HeldStore(plain.path, budget()), shown(), augment=Augment((0.4, 1.0), flip=True)
    )
    there = list(batches(clips, 4, workers=2))
    assert not decoded
    here = list(batches(clips, 4))
    assert not decoded, "the workers' frames are held here too"
    for (views, labels), (others, other_labels) in zip(here, there, strict=True):
        assert torch.equal(views, others)
        assert torch.equal(labels, other_labels)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_clips_are_the_same_with_and_without(plain, monkeypatch, workers):
    def epochs(memory: str) -> list[torch.Tensor]:
        monkeypatch.setenv(MEMORY, memory)
        clips = TrainClips(
            HeldStore(plain.path, budget()), shown(), augment=Augment((0.4, 1.0), flip=True)
        )
        found = []
        for epoch in range(3):
            clips.set_epoch(epoch)
            found += [views for views, _ in batches(clips, 4, workers)]
        return found

    for views, others in zip(epochs("0"), epochs("100"), strict=True):
        assert torch.equal(views, others)


def test_a_spawned_worker_is_given_a_path_and_no_frames(plain):
    here = HeldStore(plain.path, 6 * VIDEO)
    here.read(0, range(30))
    pickled = pickle.dumps(here)
    assert len(pickled) < 1000
    there = pickle.loads(pickled)
    assert type(there) is ClipStore
    assert np.array_equal(there.read(0, [4]), here.read(0, [4]))


def test_without_memory_to_share_videos_are_decoded_as_before(plain, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(held.mmap, "mmap", refuse)
    here = HeldStore(plain.path, 6 * VIDEO)
    assert np.array_equal(here.read(3, [4, 2]), plain.read(3, [4, 2]))


def test_the_budget_is_a_quarter_of_the_free_memory_for_all_lanes_together(monkeypatch):
    def with_free(mib: int) -> int:
        free = SimpleNamespace(available=mib << 20)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
        return budget() >> 20

    monkeypatch.delenv(MEMORY, raising=False)
    monkeypatch.delenv(LANES, raising=False)
    assert with_free(4000) == 1000
    assert with_free(100_000) == 4096
    monkeypatch.setenv(LANES, "4")
    assert with_free(4000) == 250
    assert with_free(100_000) == 1024
    # what is asked for is meant
    monkeypatch.setenv(MEMORY, "3000")
    assert with_free(4000) == 3000
    monkeypatch.setenv(MEMORY, "0")
    assert with_free(4000) == 0


@pytest.mark.parametrize("text", ["-1", "2 GiB", "", "1.5", "²"])
def test_a_budget_that_is_no_number_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv(MEMORY, text)
    with pytest.raises(UserError, match=rf"{MEMORY} is '.*'; it must be a whole number of MiB"):
        budget()
