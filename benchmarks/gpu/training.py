"""Clips per second of training."""

from benchmarks.gpu import rates
from benchmarks.gpu.board import Board
from benchmarks.subjects import Subject

# Clips of a step, where the recipe has more: the rest of them would only repeat it.
_MOST = 32


def training(board: Board, subject: Subject, precision: str) -> None:
    """Steps of the project's trainer; clips come from memory, not a disk."""
    clips = min(subject.entry.recipe.batch, _MOST)
    training = subject.trainer(precision, clips)
    rates.add_rate(
        board,
        "training",
        subject,
        training.step,
        precision=precision,
        clips=clips,
        flop=rates.operations(training.step) / clips,
    )
