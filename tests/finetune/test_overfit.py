"""Every base architecture memorises eight real clips with its own recipe's optimiser."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from signal_perception.clips import order, transforms
from signal_perception.clips.order import Step
from signal_perception.decode.video import decode
from signal_perception.finetune.trainer import Trainer
from signal_perception.models.core import registry
from signal_perception.pipeline import params
from tests.support.project import ROOT

CLIPS = 8
# Frames and pixels, far fewer than the recipe's, and network numbers that go with them.
REDUCED: dict[str, tuple[int, int, dict[str, Any]]] = {
    "i3d": (8, 64, {}),
    "i3d_inception": (16, 64, {"head_pool": [2, 2, 2]}),
    "swin": (4, 64, {}),
    "timesformer_divided": (4, 64, {"img_size": 64}),
    "timesformer_joint": (4, 64, {"img_size": 64}),
    "uniformer_v1": (4, 64, {}),
    "uniformer_v2": (4, 64, {"img_size": 64}),
    "videomae_v1": (4, 64, {"img_size": 64, "frames": 4}),
    "videomae_v2": (4, 64, {"img_size": 64, "frames": 4}),
}
STEPS = 120


def test_no_model_is_left_out() -> None:
    assert sorted(REDUCED) == sorted(registry.names())


@pytest.mark.slow
@pytest.mark.parametrize("name", REDUCED)
def test_eight_real_clips_are_memorised(name: str, shared: Path) -> None:
    """From random weights: what regularises is off, the rate is one for so few clips."""
    frames, size, numbers = REDUCED[name]
    entry = params.load(ROOT).models[name]["base"]
    recipe = entry.recipe.model_copy(
        update={
            "epochs": STEPS,
            "warmup_epochs": 10.0,
            "batch": CLIPS,
            "norm_clips": None,
            "samples": 1,
            "lr": 3e-4 if entry.recipe.optimiser == "adamw" else 0.02,
            "lr_batch": None,
            "min_lr": 0.0,
            "warmup_lr": 0.0,
            "schedule": "cosine",
            "steps": (),
            "layer_decay": entry.recipe.layer_decay and 0.9,
            "mixup": 0.0,
            "cutmix": 0.0,
            "label_smoothing": 0.0,
        }
    )
    torch.manual_seed(0)
    off = {key: 0.0 for key in registry.numbers(name) if "drop" in key}
    network = registry.build(name, CLIPS, {**entry.network, **off, **numbers})
    trainer = Trainer(
        network,
        recipe,
        input=entry.input.model_copy(update={"frames": frames, "size": size}),
        classes=CLIPS,
        steps=1,
        precision="float32",
        seed=0,
        run=f"clips/{name}",
        segments=registry.segments(name, network),
    )
    pixels, labels = _clips(shared, frames, size), torch.arange(CLIPS)
    piece = next(order.pieces(range(CLIPS), order.units(CLIPS, trainer.together)))
    losses = []
    for number in range(STEPS):
        trainer.step(Step(number, CLIPS, (piece,)), iter([(pixels, labels)]))
        losses.append(trainer.sums().loss / CLIPS)
        if max(losses[-3:]) < 0.1 and len(losses) > 3:
            return
    pytest.fail(f"the loss is {losses[-1]:.3f} after {STEPS} steps: {losses[::20]}")


def _clips(shared: Path, frames: int, size: int) -> torch.Tensor:
    """Eight single clips of HMDB51, UCF101 and Kinetics-400, uint8 (8 t s s c)."""
    with (shared / "data/singles/manifest.csv").open() as file:
        paths = [shared / "data/singles" / row["path"] for row in csv.DictReader(file)][:CLIPS]
    found = []
    for path in paths:
        decoded = decode(path, short_side=size, max_frames=60)
        video = np.stack(decoded.frames[:: max(1, len(decoded.frames) // frames)][:frames])
        found.append(transforms.test_views(video, "dense", size, size, 1)[0])
    return torch.stack(found)
