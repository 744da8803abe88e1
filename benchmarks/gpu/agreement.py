"""Whether a device calculates what the CPU does, and the same thing twice."""

import copy
import math

import torch
from torch import nn

from benchmarks.gpu.board import Board
from benchmarks.subjects import PRECISIONS, Subject
from signal_perception.inference import device
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture

# Largest ‖a − b‖ / ‖b‖ in float32: its own rounding gives 10⁻⁶, TF32 would give 10⁻⁴ to 10⁻³.
_LIMIT = 1e-5
_STEPS = 3
_CLIPS = 8


def agreement(board: Board, subject: Subject) -> None:
    """Logits and taps of one clip beside the CPU's in float32: ‖a − b‖ / ‖b‖.

    A fault where float32 differs by more than 10⁻⁵.
    """
    model, clip = subject.network(), subject.clips(1)
    on_cpu = copy.deepcopy(model).cpu()
    logits, taps = _record(subject, on_cpu, clip.cpu(), "float32")
    largest = {}
    for precision in PRECISIONS:
        own, recorded = _record(subject, model, clip, precision)
        errors = {tap: _distance(recorded[tap], taps[tap]) for tap in taps}
        worst = max(errors, key=lambda tap: errors[tap])
        board.add(
            "agreement",
            model=subject.name,
            size=subject.size,
            precision=precision,
            logits=_distance(own, logits),
            worst_tap=errors[worst],
            tap=worst,
        )
        largest[precision] = max(errors[worst], _distance(own, logits))
    if largest["float32"] > _LIMIT:
        raise AssertionError(f"float32 differs from the CPU's by {largest['float32']:.1e}")


def repetition(board: Board, subject: Subject) -> None:
    """Whether three training steps from one start give the same weights twice, bit for bit."""
    ends = []
    for _ in range(2):
        training = subject.trainer("float32", _CLIPS)
        for _ in range(_STEPS):
            training.step()
        state = training.trainer.model.state_dict()
        ends.append({key: value.detach().cpu().clone() for key, value in state.items()})
    first, second = ends
    unequal = [key for key in first if not torch.equal(first[key], second[key])]
    board.add(
        "repetition",
        model=subject.name,
        size=subject.size,
        equal=not unequal,
        unequal_tensors=len(unequal),
        tensors=len(first),
        largest=max((_distance(first[key], second[key]) for key in unequal), default=0.0),
    )


def _record(
    subject: Subject, model: nn.Module, clips: torch.Tensor, precision: str
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    taps = registry.taps(subject.name, model)
    arithmetic = device.arithmetic(precision, clips.device)
    with torch.inference_mode(), arithmetic, capture(model, taps) as recorded:
        logits = model(clips)
    return logits, recorded


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a.cpu().double(), b.cpu().double()
    ratio = float((a - b).norm() / b.norm())
    return math.inf if math.isnan(ratio) else ratio
