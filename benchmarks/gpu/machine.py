"""The machine: device, versions, and the rates that nothing else can exceed."""

import os
import platform

import torch

from benchmarks import timing
from benchmarks.gpu.board import Board
from benchmarks.subjects import PRECISIONS


def facts(board: Board, where: torch.device) -> None:
    """Device, versions, and the arithmetic of this process."""
    cuda = where.type == "cuda"
    board.add(
        "machine",
        device=torch.cuda.get_device_name(where) if cuda else platform.machine(),
        memory_gb=torch.cuda.get_device_properties(where).total_memory / 1e9 if cuda else "",
        cores=len(os.sched_getaffinity(0)),
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        torch=torch.__version__,
        cudnn=torch.backends.cudnn.version(),
        tf32_convolutions=torch.backends.cudnn.allow_tf32,
        tf32_products=torch.backends.cuda.matmul.allow_tf32,
        deterministic=torch.backends.cudnn.deterministic,
    )


def ceilings(board: Board, where: torch.device) -> None:
    """Large matrix products, 10¹² operations per second, and copies, 10⁹ bytes per second.

    A copy on the device counts twice: it is read and written there.
    """
    cuda = where.type == "cuda"
    side, size = (8192, 2**30) if cuda else (512, 2**22)
    for precision in PRECISIONS:
        a, b = torch.randn(2, side, side, device=where, dtype=getattr(torch, precision))
        # the loop's own a and b, while they are these
        seconds = timing.median(lambda a=a, b=b: a @ b, where, 5)
        what = f"matrix product, {precision}"
        board.add("ceilings", what=what, value=2 * side**3 / seconds / 1e12, unit="TFLOP/s")
    block = torch.zeros(size, dtype=torch.uint8, device=where)
    other = torch.empty_like(block)
    copies = {"copy on the device": (2 * size, lambda: other.copy_(block))}
    if cuda:
        pinned = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        copies["device to pinned memory"] = (size, lambda: pinned.copy_(block))
        copies["device to fresh memory"] = (size, block.cpu)
    for what, (moved, copy) in copies.items():
        rate = moved / timing.median(copy, where, 3) / 1e9
        board.add("ceilings", what=what, value=rate, unit="GB/s")
