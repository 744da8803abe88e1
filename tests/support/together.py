"""Several processes that train together, as threads of one."""

from collections.abc import Callable, Iterable
from threading import Barrier, Thread
from typing import TypeVar

import torch

from signal_perception.finetune.processes import Processes

Result = TypeVar("Result")


class _Threads(Processes):
    def __init__(self, rank: int, count: int, barrier: Barrier, offered: list):
        super().__init__(rank, count, count)
        self._barrier, self._offered = barrier, offered

    def add(self, tensors: Iterable[torch.Tensor]) -> None:
        own = list(tensors)
        self._offered[self.rank] = [each.detach().clone() for each in own]
        self._barrier.wait()
        sums = [sum(parts) for parts in zip(*self._offered, strict=True)]
        self._barrier.wait()
        for tensor, total in zip(own, sums, strict=True):
            tensor.detach().copy_(total)  # type: ignore[arg-type]

    def agree(self, number: int) -> bool:
        sums = torch.tensor([number, number**2], dtype=torch.float64)
        self.add([sums])
        return sums.tolist() == [self.count * number, self.count * number**2]


def together(count: int, work: Callable[[Processes], Result]) -> list[Result]:
    """What `work` answers in each of `count` processes; the first error is raised here."""
    barrier, offered = Barrier(count), [None] * count
    results: list = [None] * count
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            results[rank] = work(_Threads(rank, count, barrier, offered))
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [Thread(target=run, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
