"""A training run of a tiny model on a small clip store; as a program, one of several processes."""

import sys
from pathlib import Path
from typing import Any

from signal_perception.finetune import processes
from signal_perception.finetune.run import Files, finetune
from signal_perception.finetune.settings import Settings
from signal_perception.pipeline import params
from tests.support.project import ROOT

MODEL = "timesformer_divided"
MIXED = {"mixup": 0.8, "cutmix": 1.0, "samples": 2}


def settings(**recipe: Any) -> Settings:
    """Three epochs of a model with drop path, in batches of four clips."""
    entry = params.load(ROOT).models[MODEL]["tiny"]
    small = {"epochs": 3, "warmup_epochs": 1.0, "batch": 4}
    return Settings.model_validate(
        {
            "cpu_threads": 1,
            "dataset": {"flip": False},
            "finetune": {"precision": "float32"},
            "model": {
                "network": {**entry.network, "drop_path": 0.3},
                "input": entry.input,
                "recipe": entry.recipe.model_copy(update=small | recipe),
                "pretrained": None,
            },
        }
    )


def files_in(clips: Path, folder: Path) -> Files:
    return Files(
        clips=clips,
        state=folder / "state.pt",
        start=folder / "start.safetensors",
        weights=folder / "weights.safetensors",
        curve=folder / "curve.csv",
        log=folder / "logs/log.csv",
    )


if __name__ == "__main__":
    with processes.joined() as own:
        finetune(settings(**MIXED), "shapes", MODEL, 3, files_in(*map(Path, sys.argv[1:3])), own)
