"""Cells of a noise grid: their rate by third, the CPU's noise, clean weights afterwards."""

import copy
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from benchmarks import timing
from benchmarks.gpu import rates
from benchmarks.gpu.board import Board
from benchmarks.gpu.forward import PRECISION, SETTLE
from benchmarks.subjects import Subject
from signal_perception.inference import device
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.noise.definitions import Cell, cell
from signal_perception.noise.engine import Disturbers, Engine, Scored
from signal_perception.noise.layers import layers
from signal_perception.noise.options import Options
from signal_perception.noise.perturbation import Disturber
from signal_perception.noise.settings import Noise
from signal_perception.pipeline.units import Write
from signal_perception.vocabulary import CLIP

# Clips that a cell scores, and cells of each third.
_CLIPS, _CELLS = 256, 16


class Held:
    """Random clips in memory, one of each video."""

    def __init__(self, pixels: torch.Tensor):
        self._pixels = pixels

    def inputs(self, video: int, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        return {CLIP: self._pixels[video][None]}


def noise(board: Board, subject: Subject, settings: Noise) -> None:
    """Score random clips under cells of each third, in bfloat16, as the stage does."""
    model = subject.network()
    clean = _copy(model)
    on_cpu = copy.deepcopy(model).cpu()
    _seconds(board, subject, settings, model)
    board.add("noise", what="weights afterwards are the clean ones", value=_same(model, clean))
    tried = _cell(subject, model, "front", 0.1, 1.0)
    for scale in ("absolute", "rel_std"):
        found = [_disturbed(subject, each, tried, scale) for each in (model, on_cpu)]
        (own_hash, own), (cpu_hash, cpu) = found
        board.add("noise", what=f"{scale}: hash of ΔW is the CPU's", value=own_hash == cpu_hash)
        same = all(torch.equal(own[key], cpu[key]) for key in cpu)
        board.add("noise", what=f"{scale}: noisy weights are the CPU's", value=same)
        board.add("noise", what=f"{scale}: clean afterwards", value=_same(model, clean))


def _seconds(board: Board, subject: Subject, settings: Noise, model: nn.Module) -> None:
    """Cells of a third by the engine, and by the whole model: cells per hour, share of peak."""
    scorer = Scorer(model, subject.entry.input, PRECISION, subject.where)
    pixels = subject.pixels(_CLIPS)
    scorer.logits(pixels[:SETTLE])
    with torch.inference_mode(), device.arithmetic(PRECISION, subject.where):
        flop = rates.operations(lambda: model(subject.clips(1)))
    disturbers = Disturbers(scorer, subject.name, settings, 0)
    for pool in ("front", "middle", "rear"):
        items = [
            Scored(number, _cell(subject, model, pool, 0.1 + 0.01 * number, 0.5), number, 0)
            for number in range(_CELLS)
        ]

        def plain(items: Sequence[Scored] = items) -> None:
            for item in items:
                with disturbers.disturbed(item.cell, item.repeat):
                    scorer.logits(pixels)

        with tempfile.TemporaryDirectory() as folder:
            engine = Engine(
                scorer,
                subject.name,
                settings,
                0,
                Held(pixels),
                [range(_CLIPS)],
                folder=Path(folder),
            )

            def ours(engine: Engine = engine, items: Sequence[Scored] = items) -> None:
                # the clean states are made anew each time
                engine.prefix.forget()
                engine.score(items, _forget)

            seconds = timing.paired({"plain": plain, "ours": ours}, 2, subject.where)
        # the first round draws the noise
        whole, own = (min(each.wall for each in seconds[name]) for name in ("plain", "ours"))
        tflops, peak = flop * _CLIPS * _CELLS / whole / 1e12, rates.peak(subject.where)
        board.add(
            "noise",
            what=f"{pool}: {_CELLS} cells, {_CLIPS} clips, batches of {scorer.batch.size}",
            value=whole / own,
            unit="× the plain loop's speed",
            cells_per_hour=3600 * _CELLS / own,
            plain_tflops=tflops,
            plain_of_peak=tflops / peak if peak else "",
        )


def _forget(_item: Scored, _write: Write) -> None:
    """Scores that nobody wants."""


def _cell(subject: Subject, model: nn.Module, pool: str, sigma: float, rho: float) -> Cell:
    component = subject.entry.disturb
    size = layers(subject.name, model).of(component, "weights")
    return cell(component, size, pool=pool, sigma=sigma, gamma=0.45, rho=rho)


def _disturbed(
    subject: Subject, model: nn.Module, cell: Cell, scale: str
) -> tuple[str, Mapping[str, torch.Tensor]]:
    """Hash of ΔW, and the weights under a cell."""
    components = registry.components(subject.name, model)
    disturber = Disturber(model, components, Options(seed=0, scale=scale))
    with disturber.disturbed(cell, 0) as disturbance:
        return disturbance.sha256, _copy(model)


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.cpu().clone() for key, value in model.state_dict().items()}


def _same(model: nn.Module, state: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(value.cpu(), state[key]) for key, value in model.state_dict().items())
