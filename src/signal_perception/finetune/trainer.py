"""Fine-tuning of one model, one step at a time; what a step does depends on its clips alone.

Every random choice of a step belongs to a clip or a pair of clips and derives from seed, run, step
and place, so that a step is the same, to rounding, whether it runs at once or in parts, in one
process or several, and whether or not the run was interrupted before it. On a CPU it is the same to
the bit for one number of processes. On a GPU the two I3Ds are an exception: three steps did not
repeat their bits there.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from signal_perception import seeding
from signal_perception.clips import order
from signal_perception.clips.order import Step
from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.finetune import optimiser
from signal_perception.finetune.drops import Drops
from signal_perception.finetune.memory import Memory, chunks
from signal_perception.finetune.mixing import Mixing
from signal_perception.finetune.norms import Norms, Units
from signal_perception.finetune.processes import Processes
from signal_perception.finetune.settings import Recipe
from signal_perception.inference.device import arithmetic, device
from signal_perception.models.core.state import Segment
from signal_perception.pipeline.errors import UserError

# Clips (b t h w c) uint8 and their labels (b,).
Batch = tuple[torch.Tensor, torch.Tensor]

# A GPU's losses are looked at after so many steps, since whoever looks waits for it.
_STEPS_UNSEEN = 20
_KEPT = (
    "the last good state is kept in .scratch. Lower recipe.lr, set recipe.clip_grad, or look at "
    "input.std and the pre-trained weights."
)


@dataclass(frozen=True)
class Sums:
    """Of the clips of some steps, as they were augmented: loss, right at top-1, and their number.

    correct: NaN under mixup or cutmix, where a clip has no one class.
    """

    loss: float
    correct: float
    clips: int


class Trainer:
    """Model, optimiser and schedule of one run.

    Parameters
    ----------
    model: network with logits of `classes` classes; its modules that drop at random are replaced.
    segments: its forward pass in steps, of which memory can be spared; None: as a whole.
    recipe: optimiser, schedule, regularisation. input: how its pixels are made.
    steps: of the optimiser, per epoch.
    seed, run: what random draws derive from, e.g. 0 and "shapes/i3d_inception".
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        input: Input,
        classes: int,
        steps: int,
        precision: str,
        seed: int,
        run: str,
        segments: Sequence[Segment] | None = None,
        processes: Processes | None = None,
    ):
        self._recipe, self._input, self._precision = recipe, input, precision
        self._steps, self._seed, self._run = steps, seed, run
        self._processes = processes or Processes()
        self.where = device()
        if precision == "float16" and self.where.type == "cpu":
            raise UserError(
                "finetune.precision is float16, which needs a GPU; choose bfloat16 or float32."
            )
        self.model = model.to(self.where)
        self._optimiser = optimiser.optimiser(model, recipe)
        self._schedule = optimiser.schedule(self._optimiser, recipe, steps)
        self._scaler = torch.amp.GradScaler(self.where.type, enabled=precision == "float16")
        self._mixing = Mixing(recipe, classes) if recipe.mixup or recipe.cutmix else None
        self._drops = Drops(model, seed, run)
        self._norms = Norms(model, recipe.batch_norm == "train")
        self._memory = Memory(
            model, input, bool(self._norms), segments, where=self.where, batch=recipe.batch
        )
        # number of a step → its mean loss, not looked at yet
        self._unseen: dict[int, torch.Tensor] = {}
        self._sums, self._clips = torch.zeros(2, dtype=torch.float64, device=self.where), 0

    @property
    def together(self) -> int:
        """Clips of a step that must stay together: pairs, or those of a batch norm's statistics."""
        if not self._norms:
            return 2
        return self._recipe.norm_clips or self._recipe.batch

    @property
    def rate(self) -> float:
        """The learning rate of the last step, where nothing scales it."""
        group = self._optimiser.param_groups[0]
        return float(group["lr"]) / group["lr_scale"]

    def step(self, step: Step, batches: Iterator[Batch]) -> None:
        """Train on the clips of a step; `batches` gives those of each of its pieces."""
        self.model.train()
        self._norms.freeze()
        self._schedule.step_update(step.number)
        kept, before = list[Batch](), self._norms.keep() if self._norms else []
        while True:
            try:
                sums = self._gradients(step, chain(list(kept), _keeping(batches, kept)))
                break
            except torch.cuda.OutOfMemoryError:
                self._optimiser.zero_grad()
                if self._norms:
                    self._norms.give_back(before)
                self._memory.spare(max(step.pieces, key=lambda piece: len(piece.items)), self._run)
        if self._processes.count > 1:
            self._add_up(sums)
            if self._norms:
                self._norms.join(before, self._units(step), self._processes)
        self._take(step, sums)
        self._scaler.unscale_(self._optimiser)
        if self._recipe.clip_grad is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self._recipe.clip_grad)
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def sums(self) -> Sums:
        """Of all steps since this was last asked; UserError where a loss is no number."""
        self._look()
        loss, correct = self._sums.tolist()
        found = Sums(loss, math.nan if self._mixing else correct, self._clips)
        self._sums.zero_()
        self._clips = 0
        return found

    @torch.inference_mode()
    def score(self, batches: Iterable[Batch]) -> Sums:
        """The model as it is on clips as they are: evaluation mode, no smoothing."""
        self.model.eval()
        total, count = torch.zeros(2, dtype=torch.float64, device=self.where), 0
        for clips, labels in batches:
            for part in chunks(range(len(labels)), self._memory.at_once):
                chosen = slice(part.start, part.stop)
                inputs, targets = self._pixels(clips[chosen]), labels[chosen].to(self.where)
                with arithmetic(self._precision, self.where):
                    logits = self.model(inputs)
                total += _counted(logits.float(), targets, targets)
                count += len(targets)
        counted = torch.cat([total, total.new_tensor([count])])
        self._processes.add([counted])
        loss, correct, clips = counted.tolist()
        return Sums(loss, correct, int(clips))

    def state(self) -> dict[str, Any]:
        """Everything that the next step needs.

        UserError where a loss or a weight is no number: such a state would be of no use.
        """
        self._look()
        values = [each for each in self.model.state_dict().values() if each.is_floating_point()]
        if not all(torch.stack([each.isfinite().all() for each in values])):
            raise UserError(f"Weights of {self._run} are no numbers after the last step; {_KEPT}")
        return {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "sums": self._sums,
            "clips": self._clips,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self._sums.copy_(state["sums"])
        self._clips = state["clips"]

    def _gradients(self, step: Step, batches: Iterator[Batch]) -> torch.Tensor:
        """The gradient of this process's clips of a step: their loss and hits, float64 (2,)."""
        self._optimiser.zero_grad()
        sums = torch.zeros(2, dtype=torch.float64, device=self.where)
        for piece, (clips, labels) in zip(step.pieces, batches):
            inputs, labels = self._pixels(clips), labels.to(self.where, non_blocking=True)
            targets = labels
            if self._mixing is not None:
                seed = partial(seeding.integer, self._seed, "mixup", self._run, step.number)
                targets = self._mixing(inputs, labels, piece.units, seed)
            for part in self._memory.parts(piece):
                own = slice(part.start - piece.places.start, part.stop - piece.places.start)
                with self._drops.of(step.number, part):
                    sums += self._part(step, inputs[own], targets[own], labels[own])
        return sums

    def _units(self, step: Step) -> Units:
        """How many groups of the step's clips this process and the others have."""
        every = order.units(step.clips, self.together)
        own = [unit for piece in step.pieces for unit in piece.units]
        after = sum(unit.start >= own[-1].stop for unit in every) if own else 0
        return Units(len(own), after, len(every))

    def _add_up(self, sums: torch.Tensor) -> None:
        """Replace gradients and sums by their sums over all processes."""
        parameters = list(self.model.parameters())
        # a process without a clip of this step has no gradients, where others have some
        used = torch.tensor([float(each.grad is not None) for each in parameters])
        used = used.to(self.where)
        self._processes.add([used, sums])
        grads = []
        for parameter, someone in zip(parameters, used.tolist()):
            if someone:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                grads.append(parameter.grad)
        self._processes.add(grads)

    def _part(
        self, step: Step, inputs: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Add the gradient of some clips of a step; their loss and hits."""
        with arithmetic(self._precision, self.where):
            logits = self._memory.forward(inputs, self._drops.replay).float()
        smoothing = 0.0 if self._mixing else self._recipe.label_smoothing
        loss = cross_entropy(logits, targets, label_smoothing=smoothing)
        # the mean over the step, of which this is a part
        share = len(labels) / step.clips
        self._scaler.scale(loss if share == 1 else loss * share).backward()
        detached = loss.detach()
        hits = (logits.detach().argmax(1) == labels).sum()
        return torch.stack([detached.double() * len(labels), hits.double()])

    def _pixels(self, clips: torch.Tensor) -> torch.Tensor:
        moved = clips.to(self.where, non_blocking=True)
        return normalise(moved, self._input.mean, self._input.std)

    def _take(self, step: Step, sums: torch.Tensor) -> None:
        self._sums += sums
        self._clips += step.clips
        self._unseen[step.number] = sums[0] / step.clips
        if self.where.type == "cpu" or len(self._unseen) == _STEPS_UNSEEN:
            self._look()

    def _look(self) -> None:
        """UserError where a loss is no number: what comes after it would be none either."""
        if not self._unseen:
            return
        losses = torch.stack(list(self._unseen.values())).tolist()
        for number, loss in zip(self._unseen, losses):
            if not math.isfinite(loss):
                epoch, inside = divmod(number, self._steps)
                raise UserError(
                    f"The loss of {self._run} is {loss} at step {inside + 1} of {self._steps} in "
                    f"epoch {epoch + 1} of {self._recipe.epochs}; {_KEPT}"
                )
        self._unseen.clear()


def _counted(logits: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Summed loss, and how many are right at top-1: float64 (2,)."""
    loss = cross_entropy(logits, targets, reduction="sum").double()
    return torch.stack([loss, (logits.argmax(1) == labels).sum().double()])


def _keeping(batches: Iterator[Batch], kept: list[Batch]) -> Iterator[Batch]:
    """What comes, remembered, for a step that must begin again."""
    for batch in batches:
        kept.append(batch)
        yield batch
