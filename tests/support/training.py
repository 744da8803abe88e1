"""A small network, its trainer, and clips of random pixels in steps."""

from collections.abc import Iterator
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import nn

from signal_perception.clips import order
from signal_perception.clips.order import Step
from signal_perception.clips.settings import Input
from signal_perception.finetune.processes import Processes
from signal_perception.finetune.settings import Recipe
from signal_perception.finetune.trainer import Batch, Trainer
from signal_perception.models.core.state import Segment
from signal_perception.models.core.timm_layers import DropPath

CLASSES = 3
VIDEOS = 16
_MAKING = Lock()
# As the network has it: batch norm, dropout, drop path.
EVERYTHING = ("norm", "drop", "path")


class Small(nn.Module):
    """A network of two blocks with whatever has a state or draws at random."""

    classifier = "head"

    def __init__(self, parts: tuple[str, ...] = EVERYTHING) -> None:
        super().__init__()
        # a batch norm would not see a bias, whose gradient is rounding then
        self.conv = nn.Conv3d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm3d(4) if "norm" in parts else nn.GroupNorm(2, 4)
        self.block = nn.Linear(4, 4)
        self.drop_path = DropPath(0.5 if "path" in parts else 0.0)
        self.drop = nn.Dropout(0.5 if "drop" in parts else 0.0)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        for segment in self.segments():
            clip = segment.run(clip)  # type: ignore[assignment]
        return clip

    def segments(self) -> list[Segment]:
        def embed(clip: Any) -> torch.Tensor:
            return self.norm(self.conv(clip)).relu().mean((2, 3, 4))

        def block(x: Any) -> torch.Tensor:
            # twice, as some networks use one module
            x = x + self.drop_path(self.block(x))
            return x + self.drop_path(self.block(x))

        def head(x: Any) -> torch.Tensor:
            return self.head(self.drop(x))

        named = (("embed", None, embed), ("block.00", 0, block), ("head", None, head))
        return [Segment(*each) for each in named]

    def group_matcher(self) -> dict[str, object]:
        return {"stem": "^(?:conv|norm)", "blocks": [(r"^block", (0,))]}


def recipe(**values: Any) -> Recipe:
    standard = {
        "epochs": 4,
        "warmup_epochs": 1,
        "batch": 8,
        "optimiser": "adamw",
        "lr": 0.01,
        "weight_decay": 0.05,
        "crop_area": (1.0, 1.0),
    }
    return Recipe.model_validate(standard | values)


def trainer(
    values: Recipe,
    parts: tuple[str, ...] = EVERYTHING,
    *,
    processes: Processes | None = None,
    segments: bool = False,
    **options: Any,
) -> Trainer:
    """A trainer of a small network that always begins with the same weights."""
    # in threads, too
    with _MAKING:
        torch.manual_seed(0)
        model = Small(parts)
    shown = {"frames": 3, "stride": 1, "size": 8, "mean": 0.5, "std": 0.5}
    standard = {"classes": CLASSES, "precision": "float32", "seed": 5, "run": "test"}
    return Trainer(
        model,
        values,
        input=Input.model_validate(shown | {"sampling": "dense", "fusion": "logits"}),
        steps=order.steps_of(VIDEOS, values.samples, values.batch),
        segments=model.segments() if segments else None,
        processes=processes,
        **standard | options,
    )


def steps(
    made: Trainer, values: Recipe, epoch: int, processes: Processes | None = None
) -> Iterator[tuple[Step, list[Batch]]]:
    """The steps of an epoch with the clips of their pieces: 3 frames of 5 × 5 pixels."""
    alone = processes or Processes()
    rng = np.random.default_rng(epoch)
    videos, count = rng.permutation(VIDEOS), order.steps_of(VIDEOS, values.samples, values.batch)
    for step in order.epoch(
        videos,
        epoch * count,
        samples=values.samples,
        batch=values.batch,
        together=made.together,
        process=alone.rank,
        processes=alone.count,
    ):
        yield step, [clips(piece.items) for piece in step.pieces]


def clips(items: tuple[int, ...]) -> Batch:
    """Random pixels and a label for each number."""
    found = [
        torch.randint(0, 256, (3, 5, 5, 3), dtype=torch.uint8, generator=_generator(item))
        for item in items
    ]
    return torch.stack(found), torch.tensor([item % CLASSES for item in items])


def train(
    made: Trainer, values: Recipe, epochs: range, processes: Processes | None = None
) -> list[float]:
    """Train; the mean loss of each epoch."""
    losses = []
    for epoch in epochs:
        for step, batches in steps(made, values, epoch, processes):
            made.step(step, iter(batches))
        sums = made.sums()
        losses.append(sums.loss / sums.clips)
    return losses


def weights(made: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in made.model.state_dict().items()}


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
