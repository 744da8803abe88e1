"""The stages' own scripts on the device, and their tables beside those of a study on the CPU.

They run in copies of the project, side by side and beside checks that measure no time: seconds are
upper bounds.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.gpu.board import Board
from benchmarks.subjects import ROOT
from signal_perception.pipeline import dvcfile, params
from signal_perception.pipeline.errors import UserError

_LINKED = ("src", "stages", "params", "dvc.yaml", "params.yaml", "data/clips")
# Weights are written over, and the others lie in folders with what is written.
_COPIED = ("data/weights", "reports/decode")


@dataclass(frozen=True)
class Lane:
    """Stages of one model, one after the other, in a copy of the project called `folder`."""

    folder: str
    model: str
    stages: tuple[str, ...]


def lanes(given: str, trained: str) -> list[Lane]:
    """A model with the study's weights, and one that is trained anew."""
    return [
        Lane("given", given, ("evaluate", "extract", "spectra")),
        Lane("given", given, ("noise",)),
        Lane("trained", trained, ("finetune", "evaluate")),
    ]


@dataclass(frozen=True)
class _Ended:
    stage: str
    seconds: float
    code: int
    said: str


class Beside:
    """Lanes at work beside this process, from the moment this is made.

    dataset: of the study whose clips, weights and tables are used. until: on the monotonic clock;
    a stage still at work then is ended.
    """

    def __init__(self, lanes: Sequence[Lane], dataset: str, folder: Path, until: float):
        if not (ROOT / "data/clips").is_dir():
            raise UserError("There is no data/clips; run the study on the CPU first.")
        self._dataset, self._folder, self._until = dataset, folder, until
        # of the first run of each model
        self._seed = params.load(ROOT).study.seeds[0]
        for name in {lane.folder for lane in lanes}:
            _copy_project(folder / name)
        pool = ThreadPoolExecutor(len(lanes))
        self._running: list[tuple[Lane, Future[list[_Ended]]]] = [
            (lane, pool.submit(self._run, lane)) for lane in lanes
        ]
        pool.shutdown(wait=False)

    def finish(self, board: Board) -> None:
        """Wait for all lanes; a row per stage, and one per table that a stage wrote."""
        for lane, running in self._running:
            for ended in running.result():
                facts = {"weights": lane.folder, "model": lane.model, "stage": ended.stage}
                board.add("stages", **facts, seconds=ended.seconds, exit_code=ended.code)
                if ended.code:
                    name = f"{ended.stage} {lane.model}"
                    board.fault(name, ended.said.strip().rpartition("\n")[2], ended.said)
                    continue
                names = self._names(ended.stage, lane.model)
                name = f"{ended.stage}@{'-'.join(names)}"
                _compare(board, facts, dvcfile.stage(name, ROOT), self._folder / lane.folder)

    def _run(self, lane: Lane) -> list[_Ended]:
        ended = []
        for stage in lane.stages:
            start = time.monotonic()
            script = [sys.executable, f"stages/{stage}.py", *self._names(stage, lane.model)]
            code, said = _call(script, self._folder / lane.folder, self._until - start)
            ended.append(_Ended(stage, time.monotonic() - start, code, said))
            if code:
                break
        return ended

    def _names(self, stage: str, model: str) -> list[str]:
        """The values of a stage's matrix; what has one for weights gets the data set's own."""
        weights = [self._dataset] if stage in ("extract", "spectra") else []
        return [self._dataset, model, *weights, str(self._seed)]


def _call(command: list[str], where: Path, seconds: float) -> tuple[int, str]:
    """Exit code, and the end of what was said; code 124 where the time was up."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, ["src", os.environ.get("PYTHONPATH")]))
    }
    try:
        done = subprocess.run(
            command,
            cwd=where,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=max(seconds, 0),
        )
    except subprocess.TimeoutExpired:
        return 124, f"{' '.join(command)} did not end in its time"
    return done.returncode, done.stdout[-6000:]


def _copy_project(target: Path) -> None:
    (target / "data").mkdir(parents=True)
    for name in _LINKED:
        (target / name).symlink_to(ROOT / name)
    for name in _COPIED:
        shutil.copytree(ROOT / name, target / name)


def _compare(board: Board, facts: dict[str, str], stage: dvcfile.Stage, here: Path) -> None:
    for beginning, measure in _MEASURES.items():
        for path in stage.outs:
            if path.is_relative_to(beginning) and (ROOT / path).is_file():
                board.add("tables", **facts, table=beginning, **measure(here / path, ROOT / path))


def _accuracy(here: Path, cpu: Path) -> dict[str, object]:
    own, other = (json.loads(path.read_text(encoding="utf-8")) for path in (here, cpu))
    return {"here": own["top1"], "cpu": other["top1"]}


def _predictions(here: Path, cpu: Path) -> dict[str, object]:
    own, other = pd.read_parquet(here), pd.read_parquet(cpu)
    a, b = (np.stack(list(table["scores"])) for table in (own, other))
    changed = own["predicted"].to_numpy() != other["predicted"].to_numpy()
    return {"largest": float(np.abs(a - b).max()), "other_class": int(changed.sum()), "of": len(a)}


def _column(name: str) -> Callable[[Path, Path], dict[str, object]]:
    def measure(here: Path, cpu: Path) -> dict[str, object]:
        a, b = (pd.read_csv(path)[name].to_numpy(float) for path in (here, cpu))
        largest = float(np.nanmax(np.abs(a - b)))
        return {"column": name, "largest": largest, "equal": int((a == b).sum()), "of": len(a)}

    return measure


# Beginning of an output's path → what is compared in it.
_MEASURES = {
    "reports/metrics/accuracy": _accuracy,
    "data/predictions": _predictions,
    "reports/tables/spectra": _column("value"),
    "reports/tables/noise": _column("top1_mean"),
}
