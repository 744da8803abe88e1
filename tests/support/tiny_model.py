"""A model of seconds with its weights on a CPU, for what runs models over clips."""

from pathlib import Path
from typing import Any

import torch

from signal_perception.clips.settings import Input
from signal_perception.inference import networks
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import checkpoints

MODEL = "timesformer_divided"
NETWORK: dict[str, Any] = {
    "img_size": 16,
    "patch_size": 4,
    "frames": 4,
    "embed_dim": 12,
    "depth": 2,
    "heads": 2,
    "zero_start": False,
}
INPUT: dict[str, Any] = {
    "frames": 4,
    "stride": 2,
    "size": 16,
    "sampling": "dense",
    "fusion": "logits",
}
PROTOCOL = {"clips": 1, "crops": 1}


def write_weights(path: Path, network: dict[str, Any] = NETWORK) -> Path:
    """Random weights for three classes."""
    model = networks.fresh(
        MODEL, network, classes=3, pretrained=None, seed=0, dataset="test", threads=1
    )
    checkpoints.save(model, path)
    return path


def scorer() -> Scorer:
    """The model with random weights."""
    model = networks.fresh(
        MODEL, NETWORK, classes=3, pretrained=None, seed=0, dataset="test", threads=1
    )
    return Scorer(model.eval(), Input.model_validate(INPUT), "float32", torch.device("cpu"))
