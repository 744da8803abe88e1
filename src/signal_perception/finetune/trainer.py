"""Fine-tuning of one model, one epoch at a time, resumable after each.

Every random choice of a step (dropout, drop path, mixup) is drawn from a generator keyed by seed,
run and step, so an epoch gives the same weights whether or not the run was interrupted before it.
On a GPU the two I3Ds are an exception: three steps did not repeat their bits there.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator

from signal_perception.pipeline import torchvision_shim  # noqa: F401 — before any import of timm

# isort: split
from timm.data.mixup import Mixup
from timm.optim._optim_factory import create_optimizer_v2
from timm.scheduler.cosine_lr import CosineLRScheduler
from torch import nn
from torch.nn.functional import cross_entropy

from signal_perception import seeding
from signal_perception.clips.transforms import normalise
from signal_perception.finetune.settings import Recipe
from signal_perception.inference.device import device


@dataclass(frozen=True)
class Epoch:
    """One row of the training curve, over the training clips as they were augmented.

    lr: the last learning rate. loss: mean over the clips. top1: percent; NaN under mixup, where a
    clip is a mixture of two and has no one class.
    """

    epoch: int
    lr: float
    loss: float
    top1: float


class Trainer:
    """Model, optimiser and schedule of one run.

    Parameters
    ----------
    model: network with logits of `classes` classes.
    recipe: optimiser, schedule, regularisation. mean, std: of the pixels, per channel.
    steps: optimiser steps per epoch.
    seed, run: what random draws derive from, e.g. 0 and "shapes/i3d_inception".
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        classes: int,
        steps: int,
        precision: str,
        seed: int,
        run: str,
    ):
        self._recipe, self._steps, self._seed, self._run = recipe, steps, seed, run
        self._mean, self._std = mean, std
        self._accelerator = Accelerator(
            mixed_precision="bf16" if precision == "bfloat16" else "no", cpu=device().type == "cpu"
        )
        optimiser = create_optimizer_v2(
            model,
            opt={"adamw": "adamw", "sgd": "momentum", "nesterov": "nesterov"}[recipe.optimiser],
            lr=recipe.lr,
            weight_decay=recipe.weight_decay,
            layer_decay=recipe.layer_decay,
            # the same bits in fewer calls; what a GPU does by default
            foreach=True,
        )
        warmup = round(recipe.warmup_epochs * steps)
        self._schedule = CosineLRScheduler(
            optimiser,
            t_initial=max(recipe.epochs * steps - warmup, 1),
            lr_min=recipe.min_lr,
            warmup_t=warmup,
            warmup_prefix=True,
            t_in_epochs=False,
        )
        self._mixup = (
            Mixup(
                mixup_alpha=recipe.mixup,
                label_smoothing=recipe.label_smoothing,
                num_classes=classes,
            )
            if recipe.mixup
            else None
        )
        self._model, self._optimiser = self._accelerator.prepare(model, optimiser)

    @property
    def model(self) -> nn.Module:
        """The network itself, without Accelerate's wrapper."""
        return self._accelerator.unwrap_model(self._model)

    def state(self) -> dict[str, object]:
        """Everything the next epoch needs, on the CPU."""
        return {"model": self.model.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, dict]) -> None:
        """Continue from `state`."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])

    def epoch(self, number: int, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Epoch:
        """Train once on batches of (clips uint8 (b t h w c), labels (b,)); `number` is from 0."""
        self._model.train()
        if self._recipe.batch_norm == "frozen":
            for module in self._model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        loss_sum = correct = seen = 0.0
        for index, (clips, labels, *_) in enumerate(batches):
            step = number * self._steps + index
            loss, hits = self._step(step, clips, labels)
            loss_sum, correct, seen = (
                loss_sum + loss * len(labels),
                correct + hits,
                seen + len(labels),
            )
        lr = float(self._optimiser.param_groups[-1]["lr"])
        top1 = math.nan if self._mixup else 100 * correct / seen
        return Epoch(number, lr, loss_sum / seen, top1)

    def _step(self, step: int, clips: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        where, recipe = self._accelerator.device, self._recipe
        torch.manual_seed(seeding.integer(self._seed, "step", self._run, step))
        # timm's Mixup draws from NumPy's global generator
        mixup_seed = seeding.integer(self._seed, "mixup", self._run, step) % 2**32
        np.random.seed(mixup_seed)  # noqa: NPY002
        self._schedule.step_update(step)
        inputs = normalise(clips.to(where), self._mean, self._std)
        targets = labels.to(where)
        if self._mixup is not None:
            inputs, targets = self._mixup(inputs, targets)
        with self._accelerator.autocast():
            logits = self._model(inputs)
        smoothing = 0.0 if self._mixup else recipe.label_smoothing
        loss = cross_entropy(logits.float(), targets, label_smoothing=smoothing)
        self._optimiser.zero_grad()
        self._accelerator.backward(loss)
        if recipe.clip_grad is not None:
            self._accelerator.clip_grad_norm_(self._model.parameters(), recipe.clip_grad)
        self._optimiser.step()
        hits = (logits.detach().argmax(1) == labels.to(where)).sum()
        return float(loss.detach()), float(hits)
