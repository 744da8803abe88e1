"""Clips per second of a call on the device, and the share of what the device can do."""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import timing
from benchmarks.gpu.board import Board
from benchmarks.subjects import Subject

# Part of a card's name → 10¹² bfloat16 operations per second, without sparsity, as the maker says.
_PEAKS = {"H100 PCIe": 756, "H100": 989, "H200": 989, "A100": 312, "L40S": 362}


def peak(where: torch.device) -> float | None:
    """What the maker promises of a card in bfloat16; None where it is not known here."""
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else ""
    return next((value for part, value in _PEAKS.items() if part in name), None)


def operations(run: Callable[[], object]) -> int:
    """Floating point operations of one call; attention is not counted on the CPU."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def add_rate(
    board: Board,
    table: str,
    subject: Subject,
    run: Callable[[], object],
    *,
    precision: str,
    clips: int,
    flop: float,
    **more: object,
) -> None:
    """Time a call that takes `clips` clips of `flop` operations each, and add it to a table.

    clips_per_second; tflops: 10¹² operations per second; of_product: the share of that in a large
    matrix product of the same precision; of_peak: in the card's promised bfloat16; peak_gb: memory
    of PyTorch's tensors on a GPU.
    """
    cuda = subject.where.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(subject.where)
    rate = clips / timing.median(run, subject.where, 5)
    tflops, promised = rate * flop / 1e12, peak(subject.where)
    products = {row["what"]: row["value"] for row in board.rows.get("ceilings", [])}
    product = products.get(f"matrix product, {precision}")
    board.add(
        table,
        model=subject.name,
        size=subject.size,
        precision=precision,
        batch=clips,
        gflop_per_clip=flop / 1e9,
        clips_per_second=rate,
        tflops=tflops,
        of_product=tflops / product if isinstance(product, float) else "",
        of_peak=tflops / promised if promised and precision == "bfloat16" else "",
        **more,
        peak_gb=torch.cuda.max_memory_allocated(subject.where) / 1e9 if cuda else "",
    )
