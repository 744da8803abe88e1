"""Measure this machine's GPU, in minutes: `python -m benchmarks gpu`.

Or some of it: `python -m benchmarks gpu agreement forward --models swin --sizes tiny`. On a CPU
(SIGNAL_PERCEPTION_DEVICE=cpu, --sizes tiny) it can be tried. Figures go to a JSON file as they
come, and at the end to the output and beside that file as tables; the exit code is 1 where there
was a fault.

ceilings    large matrix products and copies
forward     clips per second in bfloat16 without gradients, every model, the last size
extraction  the same of passes that keep logits, means and activations, clips in memory
loading     clips per second of a clip store, by threads
noise       seconds of a noise cell, and whether its noise is the CPU's
agreement   logits and taps beside the CPU's, every model and size
repetition  training twice from one start, every model, the first size
training    clips per second of training, every model, the last size
stages      by its name alone: the stages' scripts beside a study that ran on the CPU (`make
            repro`), at its size; they run beside the other checks, whose times then say little

The batch of forward, extraction and noise is the one that they find by themselves.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.gpu import machine, stages
from benchmarks.gpu.agreement import agreement, repetition
from benchmarks.gpu.board import Board
from benchmarks.gpu.extraction import extraction
from benchmarks.gpu.forward import forward
from benchmarks.gpu.loading import loading
from benchmarks.gpu.noise import noise
from benchmarks.gpu.training import training
from benchmarks.subjects import PRECISIONS, ROOT, Subject
from signal_perception.inference import device
from signal_perception.models.core import registry
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError

CHECKS = (
    "ceilings",
    "forward",
    "extraction",
    "loading",
    "noise",
    "agreement",
    "repetition",
    "training",
    "stages",
)
# Seconds that must be left for a check to begin; 5 where nothing is said.
_NEEDS = {"noise": 60, "extraction": 25, "loading": 25, "stages": 0}
# Share of the time that the stages may take.
_STAGES = 0.45

# What is measured, and the call that measures it.
Call = tuple[str, Callable[[], object]]


def main(
    checks: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(CHECKS)} [default: all but stages].")
    ] = None,
    models: Annotated[list[str] | None, typer.Option(help="Models [default: all].")] = None,
    sizes: Annotated[list[str] | None, typer.Option(help="Sizes [default: tiny, base].")] = None,
    given: Annotated[
        str, typer.Option(help="Model of noise, loading, and stages with given weights.")
    ] = "timesformer_divided",
    trained: Annotated[str, typer.Option(help="Model that the stages train.")] = "uniformer_v1",
    minutes: Annotated[float, typer.Option(help="When no further check begins.")] = 8,
    out: Annotated[Path, typer.Option(help="File for the figures.")] = Path(".scratch/gpu.json"),
) -> None:
    """Measure a GPU: speed, memory, agreement with the CPU, repetition, stages."""
    asked = [check for check in CHECKS if check in (checks or CHECKS[:-1])]
    if unknown := set(checks or ()) - set(CHECKS):
        raise UserError(f"There is no check {unknown.pop()}; choose of {', '.join(CHECKS)}.")
    start = time.monotonic()
    board = Board(out, start + 60 * minutes)
    where, study = device.device(), params.load(ROOT)
    # as whoever makes a network with values does
    device.fix_arithmetic(None)
    board.check("machine", lambda: machine.facts(board, where), 0)

    def subject(name: str, size: str) -> Subject:
        return Subject(name, size, study.models[name][size], where)

    chosen = sizes or ["tiny", "base"]
    subjects = {
        size: [subject(name, size) for name in models or registry.names()] for size in chosen
    }
    plan = _plan(board, study, subjects, subject(given, chosen[-1]))
    with tempfile.TemporaryDirectory() as folder:
        started: list[stages.Beside] = []
        if "stages" in asked:
            lanes, dataset = stages.lanes(given, trained), study.study.datasets[0]
            until = start + 60 * minutes * _STAGES
            begin = partial(stages.Beside, lanes, dataset, Path(folder), until)
            board.check("beginning of stages", lambda: started.append(begin()), 0)
        plan["stages"] = [("", partial(beside.finish, board)) for beside in started]
        for check in asked:
            for name, call in plan[check]:
                board.check(f"{check} {name}", call, _NEEDS.get(check, 5))
    print(f"\n{board.tables()}")
    out.with_suffix(".md").write_text(board.tables() + "\n", encoding="utf-8")
    if "faults" in board.rows:
        raise SystemExit(1)


def _plan(
    board: Board,
    study: params.Params,
    subjects: dict[str, list[Subject]],
    focus: Subject,
) -> dict[str, list[Call]]:
    """Calls of every check but the stages, in turn. subjects: by size. focus: one model alone."""
    sizes = list(subjects)
    first, last = subjects[sizes[0]], subjects[sizes[-1]]
    return {
        "agreement": [
            (f"{each.name} {each.size}", partial(agreement, board, each))
            for size in reversed(sizes)
            for each in subjects[size]
        ],
        "repetition": _each(repetition, board, first),
        "ceilings": [("", partial(machine.ceilings, board, focus.where))],
        "forward": _each(forward, board, last),
        "noise": [(focus.name, partial(noise, board, focus, study.noise))],
        "extraction": _each(extraction, board, last),
        "loading": [(focus.name, partial(loading, board, focus))],
        "training": [
            (f"{each.name} {precision}", partial(training, board, each, precision))
            for each in last
            for precision in PRECISIONS
        ],
    }


def _each(
    check: Callable[[Board, Subject], object], board: Board, subjects: Sequence[Subject]
) -> list[Call]:
    return [(subject.name, partial(check, board, subject)) for subject in subjects]
