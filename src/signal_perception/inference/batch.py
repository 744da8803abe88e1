"""How many clips run through a model at once.

On a CPU always 16: the number of clips in a product of matrices decides its last bits, so a short
batch is filled up, and what a clip gives depends on the clip alone. On a GPU, where last bits are
not promised, as many as its memory takes, found by itself.
"""

from dataclasses import dataclass

import torch

from signal_perception.pipeline import environment
from signal_perception.pipeline.errors import UserError

ON_CPU = 16
# More clips than this do not make a GPU faster.
_MOST = 128
# Share of the free memory of a GPU that batches may take.
_SHARE = 0.8


def asked() -> int | None:
    """SIGNAL_PERCEPTION_BATCH: clips at once on a GPU; None where the machine is to find out."""
    return environment.number(environment.BATCH)


@dataclass
class Batch:
    """The number of clips at once on a device; smaller after it ran out of memory.

    Attributes
    ----------
    size: of the next batch. settled: whether `size` is no longer a trial.
    """

    where: torch.device
    size: int = 0
    settled: bool = True
    _trials: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.where.type == "cpu":
            self.size = ON_CPU
            return
        number = asked()
        # a GPU is tried with two small batches, whose memory tells that of larger ones
        self.size, self.settled = number or 1, number is not None

    def begin(self) -> None:
        """Watch the memory of the batch that begins."""
        if not self.settled:
            torch.cuda.synchronize(self.where)
            torch.cuda.reset_peak_memory_stats(self.where)

    def end(self) -> None:
        """Learn from the batch that ended how large the next one may be."""
        if self.settled:
            return
        torch.cuda.synchronize(self.where)
        peak = torch.cuda.max_memory_allocated(self.where)
        self._trials = (*self._trials, (self.size, peak))
        if len(self._trials) == 1:
            self.size = 4
            return
        free, _ = torch.cuda.mem_get_info(self.where)
        # what PyTorch holds and does not use is free for batches too
        idle = torch.cuda.memory_reserved(self.where) - torch.cuda.memory_allocated(self.where)
        self.size, self.settled = fitting(self._trials, free + idle), True

    def shrink(self) -> None:
        """Half as many clips, after a batch that did not fit; UserError where one does not."""
        if self.size == 1:
            raise UserError(
                f"One clip does not fit the memory of {self.where}; free it of other programs, or "
                "set SIGNAL_PERCEPTION_DEVICE to another GPU or to cpu."
            )
        self.size, self.settled = self.size // 2, True
        torch.cuda.empty_cache()


def fitting(trials: tuple[tuple[int, int], ...], free: int) -> int:
    """The largest power of two of clips that fits `free` bytes.

    trials: (clips, bytes at the peak) of two batches.
    """
    (few, less), (many, more) = trials
    each = max((more - less) / (many - few), 1)
    room = min(int(_SHARE * free / each), _MOST)
    return max(1, 1 << (room.bit_length() - 1)) if room else 1
