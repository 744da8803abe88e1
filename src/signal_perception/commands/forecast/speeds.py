"""Seconds of work: on the machine whose rates are committed, on this one, and as records say.

reference.json holds what the default study took on a small machine (`python -m benchmarks
reference` writes it): per stage a start (interpreter, imports, what follows the work) and seconds
per amount of work, by model where a model does it; and clips per second of the published models on
a GPU. What this machine took before corrects it: of the same stage, else of others of its kind.
"""

import json
import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from signal_perception.commands.forecast.work import Work

# Amounts that a model's operations are, and what else several processes share.
_PASSES = ("forward", "train", "cells", "heard")
SHARED = ("frames", "pixels", "taps")
# More threads and processes are not so many times as fast.
SHARING = 0.85
# A network of many operations keeps a core busier: up to so many 1e9 operations of a clip a CPU is
# as slow per operation as with the reference's small models, beyond the second number it takes this
# share of the time (four published models, one clip, one thread).
_SMALL, _LARGE, _LARGE_SHARE = 0.1, 20.0, 0.22
# Extraction on a GPU beside the forward pass alone (goal and measurement of the stage extract).
_EXTRACTION = 1.1


@dataclass(frozen=True)
class Machine:
    """What runs the stages.

    gpu: its name; "" for none. factor: seconds of a fixed piece of work here, by those of the
    reference. threads: of a model. processes: of a stage that shares its work among processes.
    """

    gpu: str
    factor: float
    threads: int
    processes: int

    @property
    def device(self) -> str:
        return self.gpu or "cpu"


@cache
def reference() -> Mapping[str, Any]:
    """The committed rates."""
    return json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))


def seconds(stage: str, model: str, work: Work, machine: Machine, gpu_rates: "GpuRates") -> float:
    """Seconds of a stage by the committed rates."""
    rates = reference()["stages"][stage]
    total = rates["start"] * machine.factor
    for amount, value in work.amounts.items():
        if machine.gpu and amount in _PASSES:
            total += value * gpu_rates.of(model, stage, amount)
            continue
        by_model = rates["amounts"][amount]
        large = _large(work.clip)
        rate = by_model["any"] if large > 0.5 else by_model.get(model, by_model["any"])
        rate *= machine.factor
        if amount in _PASSES:
            rate *= 1 + large * (_LARGE_SHARE - 1)
        sharing = {**dict.fromkeys(_PASSES, machine.threads)}
        sharing |= dict.fromkeys(SHARED, machine.processes)
        total += value * rate / sharing.get(amount, 1) ** SHARING
    return total


def _large(clip: float) -> float:
    """How large a network is, by the operations of a clip: 0 as the reference's, 1 as published."""
    if clip <= _SMALL:
        return 0.0
    return min(1.0, math.log(clip / _SMALL) / math.log(_LARGE / _SMALL))


class GpuRates:
    """Seconds per 1e9 operations of the forward pass on the GPU whose rates are committed.

    operations: model → 1e9 operations of a clip at its published size, for as many as are needed.
    """

    def __init__(self, operations: Any):
        self._operations = operations

    def of(self, model: str, stage: str, amount: str) -> float:
        table = reference()["gpu"]["clips_per_second"]
        column = 1 if amount == "train" else 0
        known = [model] if model in table else list(table)
        found = [1 / (table[name][column] * self._operations(name)) for name in known]
        return statistics.median(found) * (_EXTRACTION if stage == "extract" else 1.0)


def factor() -> float:
    """How long this machine's CPU takes for a fixed piece of work, by the reference's time.

    A fraction of a second: convolutions and matrix products in one thread, the fastest of some.
    """
    return probe() / reference()["probe_seconds"]


def probe(rounds: int = 20) -> float:
    """Seconds of that piece of work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pixels = torch.ones(2, 16, 8, 32, 32)
        kernel, tokens = torch.full((32, 16, 3, 3, 3), 0.01), torch.ones(1024, 192)
        weights = torch.full((768, 192), 0.01)
        best = math.inf
        with torch.inference_mode():
            for _ in range(rounds):
                # of this thread alone: others on the machine are no news about it
                start = time.thread_time()
                functional.conv3d(pixels, kernel, padding=1)
                functional.gelu(functional.linear(tokens, weights))
                best = min(best, time.thread_time() - start)
        return best
    finally:
        torch.set_num_threads(before)
