"""Seconds, operations and memory of a call on a device."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.board import Board
from benchmarks.gpu.subjects import Subject


def once(run: Callable[[], object], where: torch.device) -> float:
    """Seconds of one call, the device's work included."""
    _wait(where)
    start = time.perf_counter()
    run()
    _wait(where)
    return time.perf_counter() - start


def seconds(run: Callable[[], object], where: torch.device, rounds: int) -> float:
    """Median over rounds, after two calls that warm up."""
    for _ in range(2):
        run()
    return statistics.median(once(run, where) for _ in range(rounds))


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
) -> None:
    """Time a call that takes `clips` clips of `flop` operations each, and add it to a table.

    clips_per_second; tflops: 10¹² operations per second; of_product: the share of that in a large
    matrix product of the same precision; peak_gb: memory of PyTorch's tensors on a GPU.
    """
    cuda = subject.where.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(subject.where)
    rate = clips / seconds(run, subject.where, 5)
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
        tflops=rate * flop / 1e12,
        of_product=rate * flop / 1e12 / product if isinstance(product, float) else "",
        peak_gb=torch.cuda.max_memory_allocated(subject.where) / 1e9 if cuda else "",
    )


@contextmanager
def timed(owner: object, name: str) -> Iterator[list[float]]:
    """Seconds of every call of a function of a module or class, while inside."""
    function, spent = getattr(owner, name), []

    def call(*arguments: object, **named: object) -> object:
        start = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            spent.append(time.perf_counter() - start)

    setattr(owner, name, call)
    try:
        yield spent
    finally:
        setattr(owner, name, function)


def _wait(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize(where)
