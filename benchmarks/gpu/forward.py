"""Clips per second of forward passes without gradients."""

import torch

from benchmarks.gpu import timing
from benchmarks.gpu.board import Board
from benchmarks.gpu.subjects import PRECISIONS, Subject
from signal_perception.inference import device


def forward(board: Board, subject: Subject) -> None:
    """A row per precision, in the batch that the stages use."""
    model, clips = subject.network(), subject.clips(device.clips_at_once())
    with torch.inference_mode():
        flop = timing.operations(lambda: model(clips[:1]))
        for precision in PRECISIONS:
            with device.arithmetic(precision, subject.where):
                timing.add_rate(
                    board,
                    "forward",
                    subject,
                    lambda: model(clips),
                    precision=precision,
                    clips=len(clips),
                    flop=flop,
                )
