"""Features: the mean of a tap over its tokens, for every video of both splits, in one file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from signal_perception.clips.datasets import test_clips as clips_of
from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.features import run, store
from signal_perception.features.run import Job, features
from signal_perception.features.settings import Model, Settings
from signal_perception.features.store import Features
from signal_perception.inference import scorer as scorers
from signal_perception.inference.settings import Arithmetic
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from tests.support import tiny_model
from tests.support.clips import make_store

TRAINING, TEST = 35, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job with two blocks, whose features are written to features.npz."""
    folder = tmp_path_factory.mktemp("features")
    model = Model(network=tiny_model.NETWORK, input=Input.model_validate(tiny_model.INPUT))
    job = Job(
        Settings(cpu_threads=1, finetune=Arithmetic(precision="float32"), model=model),
        tiny_model.MODEL,
        training=make_store(folder / "train.zarr", range(TRAINING)).path,
        test=make_store(folder / "test.zarr", range(50, 50 + TEST)).path,
        weights=tiny_model.write_weights(folder / "weights.safetensors"),
        folder=folder,
    )
    features(job, "test", folder / "features.npz")
    return job


def test_a_feature_is_the_mean_of_the_stream_over_time_and_space(made: Job) -> None:
    found = Features(made.folder / "features.npz")
    scorer = made.load()
    taps = registry.taps(made.model, scorer.model)
    streams = [tap for tap in taps if tap.side == "stream"]
    assert found.index.taps == tuple(tap.name for tap in streams)
    assert found.index.kinds == ("temporal_attn", "spatial_attn", "mlp") * 2
    assert found.index.blocks == (0, 0, 0, 1, 1, 1)
    for path, split, video in ((made.training, 0, 0), (made.training, 0, 33), (made.test, 1, 3)):
        shown = clips_of(path, scorer.input, seed=5)
        # one clip and one crop of a training video too
        views = shown[video][0]
        assert len(views) == 1
        pixels = normalise(views, scorer.input.mean, scorer.input.std)
        with torch.inference_mode(), capture(scorer.model, streams) as heard:
            scorer.model(pixels)
        for tap in streams:
            expected = heard[tap.name].numpy().mean(axis=(0, 1, 2, 3))
            assert found.tap(tap.name)[split][video] == pytest.approx(expected, abs=1e-5)


def test_the_index_names_videos_classes_and_weights(made: Job) -> None:
    index = Features(made.folder / "features.npz").index
    assert len(index.ids) == TRAINING + TEST
    assert (index.ids[0], index.ids[TRAINING]) == ("00.mp4", "50.mp4")
    assert (index.training, index.classes) == (TRAINING, ("a", "b", "c"))
    assert index.labels[:4] == ("a", "b", "c", "a")
    assert set(index.groups) == {"g"}
    assert len(index.weights_sha256) == 64


def test_finished_blocks_are_not_run_again_and_give_the_same_bytes(
    made: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = sorted((made.folder / "blocks").glob("*.npz"))
    assert [block.name for block in blocks] == ["000000.npz", "000032.npz"]
    seen: list[int] = []

    class Counting(run.Both):
        def inputs(self, video: int, names: Sequence[str]) -> dict:
            seen.append(video)
            return dict(super().inputs(video, names))

    monkeypatch.setattr(run, "Both", Counting)
    blocks[0].unlink()
    again = Job(made.settings, made.model, made.training, made.test, made.weights, made.folder)
    features(again, "test", tmp_path / "again.npz")
    assert sorted(seen) == list(range(32))
    first = (made.folder / "features.npz").read_bytes()
    assert (tmp_path / "again.npz").read_bytes() == first


def test_weights_for_other_classes_have_features_too(made: Job) -> None:
    assert len(made.classes) == 3
    weights = scorers.load(made.model, made.settings, made.weights, classes=7)
    assert weights.model(torch.zeros(1, 3, 4, 16, 16)).shape == (1, 7)


def test_one_tap_at_a_time_is_written(tmp_path: Path) -> None:
    alive: list[int] = []

    class Counted(np.ndarray):
        def __del__(self) -> None:
            alive.remove(id(self))

    def taps() -> object:
        for number in range(3):
            values = np.full((5, 2), number, np.float32).view(Counted)
            alive.append(id(values))
            assert len(alive) <= 2
            yield values

    index = store.Index(
        tuple("abcde"),
        tuple("ggghh"),
        tuple("xyxyx"),
        3,
        ("x", "y"),
        ("0", "1", "2"),
        ("mlp",) * 3,
        (0, 1, 2),
        "ab",
    )
    store.write(tmp_path / "f.npz", index, taps())  # type: ignore[arg-type]
    found = Features(tmp_path / "f.npz")
    assert found.index == index
    training, test = found.tap("2")
    assert (training.shape, test.shape, test[0, 0]) == ((3, 2), (2, 2), 2)
