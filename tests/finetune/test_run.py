"""A run writes where it began and where it ended, killed or not, held in memory or not."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from signal_perception.finetune.run import finetune
from signal_perception.finetune.settings import Settings
from signal_perception.finetune.trainer import Epoch, Trainer
from signal_perception.inference import networks
from signal_perception.models.core import checkpoints
from signal_perception.pipeline import dvcfile, params
from tests.support.clips import make_store
from tests.support.project import ROOT
from tests.support.study import default_study

MODEL = "timesformer_divided"
SEED = 3
CLASSES = 3


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("finetune") / "train.zarr", range(6)).path


def _settings() -> Settings:
    entry = params.load(ROOT).models[MODEL]["tiny"]
    recipe = entry.recipe.model_copy(update={"epochs": 3, "warmup_epochs": 1.0, "batch": 4})
    return Settings.model_validate(
        {
            "cpu_threads": 1,
            "dataset": {"flip": False},
            "finetune": {"precision": "float32"},
            "model": {
                "network": entry.network,
                "input": entry.input,
                "recipe": recipe,
                "pretrained": None,
            },
        }
    )


def _run(clips: Path, folder: Path, seed: int = SEED) -> pd.DataFrame:
    return finetune(
        _settings(),
        "shapes",
        MODEL,
        seed=seed,
        clips=clips,
        checkpoint=folder / "checkpoint.pt",
        start=folder / "start.safetensors",
        weights=folder / "weights.safetensors",
    )


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def test_the_start_is_the_fresh_network(clips: Path, tmp_path: Path) -> None:
    _run(clips, tmp_path)
    fresh = networks.fresh(
        MODEL,
        _settings().model.network,
        classes=CLASSES,
        pretrained=None,
        seed=SEED,
        dataset="shapes",
        threads=1,
    )
    checkpoints.save(fresh, tmp_path / "expected.safetensors")
    found = _bytes(tmp_path)
    assert found["start.safetensors"] == found["expected.safetensors"]
    assert found["weights.safetensors"] != found["start.safetensors"]


def test_a_killed_run_writes_the_same_bytes_when_it_goes_on(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = _run(clips, tmp_path / "unbroken")
    epoch = Trainer.epoch

    def until_the_third(self: Trainer, number: int, batches: Any) -> Epoch:
        if number == 2:
            raise KeyboardInterrupt
        return epoch(self, number, batches)

    monkeypatch.setattr(Trainer, "epoch", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        _run(clips, tmp_path / "killed")
    monkeypatch.setattr(Trainer, "epoch", epoch)
    assert _run(clips, tmp_path / "killed").equals(curve)
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "unbroken")


def test_another_seed_begins_and_ends_elsewhere(clips: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        _run(clips, tmp_path / str(seed), seed)
    first, second = _bytes(tmp_path / "0"), _bytes(tmp_path / "1")
    assert [name for name in first if first[name] == second[name]] == []


def test_memory_and_workers_change_no_byte(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for memory, workers in (("0", "1"), ("1", "1"), ("1", "3")):
        monkeypatch.setenv("SIGNAL_PERCEPTION_MEMORY", memory)
        monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", workers)
        _run(clips, tmp_path / f"{memory}-{workers}")
        found.append(_bytes(tmp_path / f"{memory}-{workers}"))
    assert found[0] == found[1] == found[2]


def test_outputs_are_told_apart(tmp_path: Path) -> None:
    found = dvcfile.stages(default_study(tmp_path))[f"finetune@shapes-{MODEL}-0"]
    weights, start = found.out("data/weights/shapes"), found.out("data/weights/shapes-start")
    assert weights == Path(f"data/weights/shapes/{MODEL}-0.safetensors")
    assert start == Path(f"data/weights/shapes{params.START}/{MODEL}-0.safetensors")
