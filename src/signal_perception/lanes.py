"""Several whole stages of the pipeline at once: one lane per GPU, or per share of the cores.

`dvc repro` runs one stage at a time. Here each lane runs `dvc repro --single-item` on a stage whose upstream stages are finished,
until all are done; `--wait-for-lock` lets the lanes share DVC's records.
"""

import os
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import psutil
from dvc.repo import Repo

from signal_perception.errors import UserError

_MEMORY = 2 << 30  # bytes: what a stage of the default study stays below


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


def fitting(threads: int | None, gpus: int) -> int:
    """How many lanes suit this machine: one per GPU; else, where a stage keeps to `threads` cores, what cores and free memory allow."""
    if gpus or threads is None:
        return max(1, gpus)
    return max(1, min(_cores() // threads, psutil.virtual_memory().available // _MEMORY))


def _cores() -> int:
    """Cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stage(name: str, lane: int, gpus: int) -> int:
    environment = dict(os.environ)
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = str(lane % gpus)
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", name]
    # whole lines through a pipe: the progress bars of several lanes would overwrite each other
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
    return process.returncode
