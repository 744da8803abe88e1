"""The processes that train together: one for each GPU, begun by torchrun, here or on many nodes."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed

from signal_perception.inference.device import device
from signal_perception.pipeline import environment
from signal_perception.pipeline.errors import UserError

# How long one may wait for another, which writes weights or reads a slow disk.
_PATIENCE = timedelta(hours=1)
_GOES_ON = "run the stage again, and it goes on after its last finished epoch"


class Processes:
    """This process among those that train together.

    rank: its number. count: of all. here: of those on this machine.
    """

    def __init__(self, rank: int = 0, count: int = 1, here: int = 1):
        self.rank, self.count, self.here = rank, count, here

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def add(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace tensors by their sums over all processes; those of one type travel together."""
        if self.count == 1:
            return
        by_type: dict[torch.dtype, list[torch.Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor)
        for parts in by_type.values():
            flat = torch.cat([part.detach().reshape(-1) for part in parts])
            with self._together():
                distributed.all_reduce(flat)
            for part, total in zip(parts, flat.split([part.numel() for part in parts])):
                part.detach().copy_(total.view(part.shape))

    def agree(self, number: int) -> bool:
        """Whether all have the same number."""
        if self.count == 1:
            return True
        nccl = distributed.get_backend() == "nccl"
        where = torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
        sums = torch.tensor([number, number**2], dtype=torch.float64, device=where)
        self.add([sums])
        return sums.tolist() == [self.count * number, self.count * number**2]

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            with self._together():
                distributed.barrier()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """UserError where another process does not answer any more."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise UserError(
                f"One of the {self.count} processes that train together is gone (killed, out of "
                f"memory, or its machine lost: {str(error).splitlines()[0]}); {_GOES_ON}."
            ) from None


@contextmanager
def joined() -> Iterator[Processes]:
    """Together with the other processes where torchrun began this one; alone otherwise."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    own = _join(count)
    try:
        yield own
    except UserError:
        # all meet the same mistake, and one sentence will do
        if own.first:
            raise
        raise SystemExit(1) from None
    own.wait()
    distributed.destroy_process_group()


def _join(count: int) -> Processes:
    number, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if device().type == "cuda":
        if device().index is not None:
            raise UserError(
                f"SIGNAL_PERCEPTION_DEVICE is {device()}, one GPU for {here} processes; set it to "
                "cuda, so that each has its own."
            )
        if here > torch.cuda.device_count():
            raise UserError(
                f"torchrun began {here} processes here, and this machine has "
                f"{torch.cuda.device_count()} GPUs; begin one for each (--nproc-per-node)."
            )
        torch.cuda.set_device(number)
        distributed.init_process_group("nccl", timeout=_PATIENCE)
    else:
        distributed.init_process_group("gloo", timeout=_PATIENCE)
    return Processes(int(os.environ["RANK"]), count, here)


def asked() -> int:
    """SIGNAL_PERCEPTION_PROCESSES: how many processes, each with a GPU, train one model."""
    return environment.number(environment.PROCESSES) or 1


def begin_others(script: Path) -> None:
    """Run the script again by torchrun where SIGNAL_PERCEPTION_PROCESSES asks for several.

    Does not return then: it exits as the processes do.
    """
    count = asked()
    if count == 1 or "WORLD_SIZE" in os.environ:
        return
    # imported here: a second, and one process needs none of it
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)(str(script), *sys.argv[1:])
    except ChildFailedError as failed:
        rank, first = failed.get_first_failure()
        if first.exitcode < 0:
            raise UserError(
                f"Process {rank} of the {count} that train together was ended by "
                f"{first.signal_name()}; {_GOES_ON}."
            ) from None
        # the process that failed has said why
        raise SystemExit(1) from None
    except SignalException as stopped:
        # the processes were told, and the first of them has said so
        raise SystemExit(128 + stopped.sigval) from None
    raise SystemExit(0)
