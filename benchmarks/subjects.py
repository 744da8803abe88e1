"""What is measured: a model of params/models at one size, with random weights and clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from signal_perception.clips import order
from signal_perception.clips.order import Step
from signal_perception.finetune.trainer import Trainer
from signal_perception.models.core import registry

ROOT = Path(__file__).resolve().parents[1]
PRECISIONS = ("float32", "bfloat16")
# As in Kinetics-400.
CLASSES = 400


@dataclass(frozen=True)
class Subject:
    """A model at a size. entry: its part of the parameters. where: the device under test."""

    name: str
    size: str
    entry: Any
    where: torch.device

    @property
    def shape(self) -> tuple[int, int, int]:
        """(t h w) of a clip."""
        return (self.entry.input.frames, self.entry.input.size, self.entry.input.size)

    def network(self) -> nn.Module:
        """The model in evaluation mode without gradients; no parameter is all zeros.

        Branches that start at zero would otherwise add nothing, right or wrong.
        """
        model = self._fresh()
        with torch.no_grad():
            for parameter in model.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.05)
        # the counter of operations follows gradients where parameters ask for them
        return model.eval().requires_grad_(False)

    def clips(self, count: int) -> torch.Tensor:
        """Normal noise (n c t h w), the same on every device."""
        source = torch.Generator().manual_seed(1)
        return torch.randn(count, 3, *self.shape, generator=source).to(self.where)

    def pixels(self, count: int) -> torch.Tensor:
        """Uniform noise uint8 (n t h w c), on the CPU."""
        source = torch.Generator().manual_seed(1)
        return torch.randint(0, 256, (count, *self.shape, 3), dtype=torch.uint8, generator=source)

    def trainer(self, precision: str, clips: int) -> "Training":
        """The project's trainer with the recipe's optimiser, and a step of so many clips."""
        recipe = self.entry.recipe.model_copy(update={"batch": clips, "samples": 1})
        network = self._fresh()
        trainer = Trainer(
            network,
            recipe,
            input=self.entry.input,
            classes=CLASSES,
            steps=100,
            precision=precision,
            seed=0,
            run="gpu",
            segments=registry.segments(self.name, network),
        )
        pixels = self.pixels(clips)
        return Training(trainer, clips, pixels, torch.arange(clips) % CLASSES)

    def _fresh(self) -> nn.Module:
        torch.manual_seed(0)
        with torch.device(self.where):
            return registry.build(self.name, CLASSES, self.entry.network)


@dataclass
class Training:
    """A trainer and a step's clips, always the same. number: of the next step."""

    trainer: Trainer
    clips: int
    pixels: torch.Tensor
    labels: torch.Tensor
    number: int = 0

    def step(self) -> None:
        units = order.units(self.clips, self.trainer.together)
        pieces = tuple(order.pieces(range(self.clips), units))
        parts = [slice(piece.places.start, piece.places.stop) for piece in pieces]
        batches = ((self.pixels[part], self.labels[part]) for part in parts)
        self.trainer.step(Step(self.number, self.clips, pieces), batches)
        self.number += 1
