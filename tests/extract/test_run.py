"""The stores that extract writes hold what a plain forward pass gives, whatever the batch."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from signal_perception.clips.datasets import test_clips as clips_of
from signal_perception.clips.store import ClipStore
from signal_perception.clips.transforms import normalise
from signal_perception.extract import run
from signal_perception.extract.settings import Settings
from signal_perception.extract.store import INPUT, ActivationStore
from signal_perception.inference import networks, scorer
from signal_perception.inference.scorer import Scorer
from signal_perception.inference.shards import Videos
from signal_perception.models.core import checkpoints, registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline.units import finish
from tests.support.clips import make_store

MODEL = "timesformer_divided"
SETTINGS = {
    "seed": 0,
    "cpu_threads": 1,
    "finetune": {"precision": "float32"},
    "extract": {
        "clips": 2,
        "kinds": ["spatial_attn", "mlp"],
        "sides": ["stream"],
        "controls": ["static", "shuffled"],
        "dtype": "float16",
        "shard": 3,
    },
    "model": {
        "network": {
            "img_size": 16,
            "patch_size": 8,
            "frames": 4,
            "embed_dim": 12,
            "depth": 2,
            "heads": 2,
            "zero_start": False,
        },
        "input": {"frames": 4, "stride": 2, "size": 16, "sampling": "dense", "fusion": "logits"},
    },
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.model_validate(SETTINGS)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return make_store(tmp_path_factory.mktemp("extract") / "test.zarr", range(5))


@pytest.fixture(scope="module")
def loaded(settings: Settings, clips: ClipStore, tmp_path_factory) -> tuple[Scorer, Path]:
    """A trained model, and the file of its weights."""
    model = networks.fresh(
        MODEL,
        settings.model.network,
        classes=3,
        pretrained=None,
        seed=0,
        dataset="test",
        threads=1,
    )
    weights = tmp_path_factory.mktemp("weights") / "model.safetensors"
    checkpoints.save(model, weights)
    return scorer.load(MODEL, settings, weights, classes=3), weights


def _extract(
    settings: Settings, clips: ClipStore, loaded: tuple[Scorer, Path], folder: Path
) -> Path:
    model, weights = loaded
    store = folder / "activations.zarr"
    run.create(settings, MODEL, clips.path, weights, model, store)
    units = run.units(clips.path, settings.extract, folder)
    assert [unit.item for unit in units] == [Videos(0, 3), Videos(3, 5)]
    work = partial(run.extract, settings, MODEL, clips.path, store)
    finish(units, work, label="extract", prepare=lambda: model)
    assert all(unit.finished for unit in units)
    return store


def test_a_store_holds_what_a_plain_forward_pass_gives(
    settings: Settings, clips: ClipStore, loaded: tuple[Scorer, Path], tmp_path: Path
) -> None:
    model, _ = loaded
    store = ActivationStore(_extract(settings, clips, loaded, tmp_path))
    taps = [
        tap
        for tap in registry.taps(MODEL, model.model)
        if tap.side == "stream" and tap.kind in ("spatial_attn", "mlp")
    ]
    assert [tap.tap for tap in store.taps()] == [INPUT, *(tap.name for tap in taps)]
    assert store.inputs == ["clip", "shuffled", "static"]
    shown = clips_of(clips.path, settings.model.input, seed=0, clips=2)
    for video in range(5):
        for name, views in shown.inputs(video, store.inputs).items():
            pixels = normalise(views, model.input.mean, model.input.std)
            with torch.inference_mode(), capture(model.model, taps) as record:
                model.model(pixels)
            expected = {INPUT: pixels.movedim(1, -1)} | record
            for tap, values in expected.items():
                found = np.asarray(store.array(name, tap)[2 * video : 2 * video + 2])
                assert np.array_equal(found, values.numpy().astype(np.float16)), (name, tap)


def test_the_bytes_do_not_depend_on_the_batch(
    settings: Settings,
    clips: ClipStore,
    loaded: tuple[Scorer, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores = []
    for batch in ("1", "4", "16"):
        monkeypatch.setenv("SIGNAL_PERCEPTION_BATCH", batch)
        folder = tmp_path / batch
        folder.mkdir()
        root = _extract(settings, clips, loaded, folder)
        files = sorted(file for file in root.rglob("*") if file.is_file())
        stores.append({str(file.relative_to(root)): file.read_bytes() for file in files})
    assert stores[0] == stores[1] == stores[2]
