"""Clips per second of forward passes without gradients."""

import torch

from benchmarks.gpu import rates
from benchmarks.gpu.board import Board
from benchmarks.subjects import Subject
from signal_perception.inference import device
from signal_perception.inference.scorer import Scorer

PRECISION = "bfloat16"
# Clips that settle the size of a batch: it is tried with 1, then with 4.
SETTLE = 5
_VITS = ("timesformer_divided", "timesformer_joint", "videomae_v1", "videomae_v2")


def forward(board: Board, subject: Subject) -> None:
    """The model alone in bfloat16, clips on the device, in the batch that the device takes."""
    model = subject.network()
    scorer = Scorer(model, subject.entry.input, PRECISION, subject.where)
    scorer.logits(subject.pixels(SETTLE))
    clips = subject.clips(1).repeat(scorer.batch.size, 1, 1, 1, 1)
    with torch.inference_mode(), device.arithmetic(PRECISION, subject.where):
        flop = rates.operations(lambda: model(clips[:1]))
        rates.add_rate(
            board,
            "forward",
            subject,
            lambda: model(clips),
            precision=PRECISION,
            clips=len(clips),
            flop=flop,
            wanted="of_peak ≥ 0.45" if subject.name in _VITS else "",
        )
