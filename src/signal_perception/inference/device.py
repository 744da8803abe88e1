"""The device and its arithmetic.

The device is a setting of the machine, taken from the environment.
"""

from contextlib import AbstractContextManager, nullcontext

import torch

from signal_perception.pipeline import environment, workers
from signal_perception.pipeline.errors import UserError


def device() -> torch.device:
    """SIGNAL_PERCEPTION_DEVICE (cpu, cuda, cuda:1, …), or the first GPU, or the CPU."""
    asked = environment.device()
    if asked is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = torch.device(asked)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"SIGNAL_PERCEPTION_DEVICE is {asked!r}, but this machine has "
            f"{torch.cuda.device_count()} GPUs; use cpu."
        )
    return found


def fix_arithmetic(threads: int | None) -> None:
    """Fix what decides the last bits of this process's results, beside the machine itself.

    threads: CPU threads, which order sums; None: all cores. On a GPU float32 is float32: PyTorch
    lets convolutions round their factors to TF32 (10 bits) by default.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def threads_to_read() -> int:
    """Threads that read clips while a model runs; see `workers.count`."""
    return workers.count()


def arithmetic(precision: str, where: torch.device) -> AbstractContextManager:
    """Autocast to bfloat16 or float16, or nothing for float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(where.type, dtype=getattr(torch, precision))


def to_host(values: torch.Tensor) -> torch.Tensor:
    """A copy in the CPU's memory; from a GPU it is complete once the GPU has done its work."""
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=values.is_cuda)
    return host.copy_(values, non_blocking=True)
