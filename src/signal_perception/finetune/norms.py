"""The running statistics of batch norms, as one process would have them after a step."""

from dataclasses import dataclass

import torch
from torch import nn

from signal_perception.finetune.processes import Processes

# Running mean, running variance and number of updates of each batch norm.
Statistics = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Units:
    """Groups of clips over which a step's statistics are taken, one after the other.

    own: of this process. after: of those that come after it. every: of all.
    """

    own: int
    after: int
    every: int


class Norms:
    """All batch norms of a model. trained: whether they take statistics of what they see."""

    def __init__(self, model: nn.Module, trained: bool):
        self._norms, self.trained = batch_norms(model), trained

    def __bool__(self) -> bool:
        """Whether there are any that take statistics."""
        return bool(self._norms) and self.trained

    def freeze(self) -> None:
        """Leave statistics as they are where they are not trained; after `model.train()`."""
        if not self.trained:
            for norm in self._norms:
                norm.eval()

    def keep(self) -> Statistics:
        """A copy of what they have."""
        return [tuple(each.clone() for each in own) for own in self._buffers()]  # type: ignore[misc]

    def give_back(self, before: Statistics) -> None:
        """What they had before a step that begins again."""
        for own, kept in zip(self._buffers(), before, strict=True):
            for buffer, value in zip(own, kept, strict=True):
                buffer.copy_(value)

    def join(self, before: Statistics, units: Units, processes: Processes) -> None:
        """Bring together what the processes saw in a step.

        A running statistic moves by r ← (1 − m)·r + m·x, so after N updates it is (1 − m)^N times
        what it was, plus what each process added, which the later ones' updates shrink.
        """
        moved = []
        for norm, own, kept in zip(self._norms, self._buffers(), before, strict=True):
            stays = 1 - float(norm.momentum or 0)
            for buffer, value in zip(own[:2], kept[:2], strict=True):
                buffer.sub_(stays**units.own * value).mul_(stays**units.after)
                moved.append((buffer, stays**units.every * value))
        processes.add([buffer for buffer, _ in moved])
        for buffer, rest in moved:
            buffer.add_(rest)
        for (_, _, seen), (_, _, kept) in zip(self._buffers(), before, strict=True):
            seen.copy_(kept + units.every)

    def _buffers(self) -> Statistics:
        found = []
        for norm in self._norms:
            own = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
            found.append(tuple(each for each in own if each is not None))
        return found


def batch_norms(model: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """All batch norms of a model that keep running statistics."""
    kind = nn.modules.batchnorm._BatchNorm
    return [
        module
        for module in model.modules()
        if isinstance(module, kind) and module.running_mean is not None
    ]
