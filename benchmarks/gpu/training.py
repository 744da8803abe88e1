"""Clips per second of training."""

from benchmarks.gpu import rates
from benchmarks.gpu.board import Board
from benchmarks.subjects import Subject


def training(board: Board, subject: Subject, precision: str) -> None:
    """Steps of the project's trainer in the recipe's batch; clips come from memory, not a disk."""
    trainer, batch = subject.trainer(precision)
    clips = len(batch[0])

    def step() -> None:
        trainer.epoch(0, [batch])

    rates.add_rate(
        board,
        "training",
        subject,
        step,
        precision=precision,
        clips=clips,
        flop=rates.operations(step) / clips,
    )
