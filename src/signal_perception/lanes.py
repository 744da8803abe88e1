"""Several whole stages of the pipeline at once: one lane per GPU, or per share of the cores.

`dvc repro` runs one stage at a time. Here each lane runs `dvc repro --single-item` on a stage whose upstream stages are finished,
until all are done; `--wait-for-lock` lets the lanes share DVC's records.
"""

import os
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from dvc.repo import Repo

from signal_perception.errors import UserError


def upstream() -> dict[str, set[str]]:
    """Each stage of the pipeline (DVC's name) with the stages it reads from."""
    with Repo() as repo:
        graph = repo.index.graph
        return {stage.addressing: {other.addressing for other in graph.successors(stage)} for stage in graph}


def repro(lanes: int, gpus: int) -> None:
    """Bring the whole pipeline up to date with `lanes` stages at a time; lane i sees GPU i modulo `gpus` (0: no GPU is assigned)."""
    waiting = upstream()
    finished: set[str] = set()
    free = list(range(lanes))
    with ThreadPoolExecutor(lanes) as pool:
        running: dict = {}
        while waiting or running:
            for stage in [name for name, needs in waiting.items() if needs <= finished][: len(free)]:
                lane = free.pop(0)
                running[pool.submit(_stage, stage, lane, gpus)] = (stage, lane)
                del waiting[stage]
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                stage, lane = running.pop(future)
                free.append(lane)
                if future.result() != 0:
                    wait(running)
                    raise UserError(
                        f"Stage {stage} failed (its message stands above); mend it and run again: finished stages are kept."
                    )
                finished.add(stage)


def _stage(name: str, lane: int, gpus: int) -> int:
    environment = dict(os.environ)
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = str(lane % gpus)
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", name]
    return subprocess.run(command, env=environment, check=False).returncode
