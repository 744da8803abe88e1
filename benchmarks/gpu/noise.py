"""A cell of a noise grid: its seconds, the CPU's noise on the device, clean weights afterwards."""

import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import timing
from benchmarks.gpu.board import Board
from benchmarks.gpu.forward import PRECISION, SETTLE
from benchmarks.subjects import Subject
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.noise.definitions import Cell
from signal_perception.noise.engine import CLEAN, Engine, Scored
from signal_perception.noise.perturbation import Disturber
from signal_perception.noise.settings import Noise

# Device batches of clips that a cell scores.
_BATCHES = 4


def noise(board: Board, subject: Subject, settings: Noise) -> None:
    """Score random clips clean and under two cells, in bfloat16, as the stage does."""
    model = subject.network()
    clean = _copy(model)
    on_cpu = copy.deepcopy(model).cpu()
    _seconds(board, subject, settings, model)
    board.add("noise", what="weights afterwards are the clean ones", value=_same(model, clean))
    cell = Cell(subject.entry.disturb, "front", 0.1, 0.45, 1.0)
    for scale in ("absolute", "rel_std"):
        found = [_disturbed(subject, each, cell, scale) for each in (model, on_cpu)]
        (own_hash, own), (cpu_hash, cpu) = found
        board.add("noise", what=f"{scale}: hash of ΔW is the CPU's", value=own_hash == cpu_hash)
        same = all(torch.equal(own[key], cpu[key]) for key in cpu)
        board.add("noise", what=f"{scale}: noisy weights are the CPU's", value=same)
        board.add("noise", what=f"{scale}: clean afterwards", value=_same(model, clean))


def _seconds(board: Board, subject: Subject, settings: Noise, model: nn.Module) -> None:
    scorer = Scorer(model, subject.entry.input, PRECISION, subject.where)
    scorer.logits(subject.pixels(SETTLE))
    videos = _BATCHES * scorer.batch.size
    cells = [Cell(subject.entry.disturb, "all", sigma, 0.45, 0.5) for sigma in (0.1, 0.2)]
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "clips.npy"
        # a video has one view
        np.save(prepared, subject.pixels(videos)[:, None].numpy())
        engine = Engine(scorer, subject.name, settings, 0, prepared)

        def score(what: str, scored: Scored) -> np.ndarray:
            path = Path(folder) / "scores.npz"
            seconds = timing.once(lambda: engine.score(scored, path), subject.where)
            board.add("noise", what=f"{what}, {videos} videos", value=seconds, unit="s")
            with np.load(path) as file:
                return file["scores"]

        score("clean model, warming up", CLEAN)
        before = score("clean model", CLEAN)
        score("first cell of a repeat, which draws its noise", Scored(0, cells[0], 0))
        score("next cell of the repeat", Scored(1, cells[1], 0))
        after = score("clean model again", CLEAN)
    same = before.tobytes() == after.tobytes()
    board.add("noise", what="clean scores afterwards are those before", value=same)


def _disturbed(
    subject: Subject, model: nn.Module, cell: Cell, scale: str
) -> tuple[str, Mapping[str, torch.Tensor]]:
    """Hash of ΔW, and the weights under a cell."""
    components = registry.components(subject.name, model)
    with Disturber(model, components, seed=0, scale=scale).disturbed(cell, 0) as disturbance:
        return disturbance.sha256, _copy(model)


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.cpu().clone() for key, value in model.state_dict().items()}


def _same(model: nn.Module, state: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(value.cpu(), state[key]) for key, value in model.state_dict().items())
