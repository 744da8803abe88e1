"""The pipeline brought up to date, several stages at once where the machine allows.

`dvc repro` runs one stage at a time. Here DVC is asked once which stages have changed; these and
all that read from them then run in lanes, one per GPU or per share of the cores. Each lane runs
`dvc repro --single-item` on a stage whose upstream stages are finished; `--wait-for-lock` lets the
lanes share DVC's records.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import psutil

from signal_perception.pipeline import progress, screen, workers
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.stage import CHECKED

# Memory that a stage of the default study stays below, bytes.
_MEMORY = 2 << 30
_DVC = [sys.executable, "-m", "dvc"]
# What DVC says of data that is not here, and where data lies.
_MISSING, _DATA = ("deleted", "not in cache"), "data/"
# What DVC says after every stage; `HINT` says it once.
_HINTS = (
    "To track the changes with git, run:",
    "To enable auto staging, run:",
    "git add dvc.lock",
    "dvc config core.autostage true",
    "Use `dvc push` to send your updates",
    "Updating lock file 'dvc.lock'",
    "Generating lock file 'dvc.lock'",
)
HINT = (
    "To keep these results in Git: git add dvc.lock reports && git commit. To share the data "
    "behind them: signal-perception share."
)


def repro(stages: Sequence[str], upstream: Mapping[str, set[str]], lanes: int, gpus: int) -> None:
    """Bring `stages` up to date, `lanes` of them at a time, each after those it reads from.

    Lane i sees GPU i modulo `gpus` (0: no GPU is assigned).
    """
    waiting = list(stages)
    running: dict = {}
    free = list(range(lanes))
    with screen.Screen() as shown, ThreadPoolExecutor(lanes) as pool:
        while waiting or running:
            busy = {*waiting, *(stage for stage, _ in running.values())}
            ready = [stage for stage in waiting if not upstream[stage] & busy]
            for stage in ready[: len(free)]:
                lane = free.pop(0)
                running[pool.submit(_repro_one, stage, lane, lanes, gpus, shown)] = (stage, lane)
                waiting.remove(stage)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                stage, lane = running.pop(future)
                free.append(lane)
                if future.result() != 0:
                    wait(running)
                    raise UserError(
                        f"Stage {stage} failed (its message stands above); mend it and run again: "
                        "finished stages are kept."
                    )


def changed(*, elsewhere: bool = False) -> dict[str, list]:
    """Stages whose inputs, code, parameters or outputs differ from dvc.lock, by `dvc status`.

    With what differs, as DVC says it: {"changed deps": {path: "modified"}}, "changed command", ….
    elsewhere: data that is missing counts as it stands in dvc.lock: it is on another machine.
    """
    asked = subprocess.run(
        [*_DVC, "status", "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    if asked.returncode != 0:
        raise UserError("DVC cannot tell what has changed (its message stands above); mend it.")
    found = dict(json.loads(asked.stdout))
    return {name: what for name, what in found.items() if not (elsewhere and _is_elsewhere(what))}


def _is_elsewhere(differences: Iterable[str | Mapping[str, Mapping[str, str]]]) -> bool:
    """Whether a stage differs from dvc.lock in nothing but missing data; tables are in Git."""
    return all(
        isinstance(each, Mapping)
        and all(
            what in _MISSING and path.startswith(_DATA)
            for paths in each.values()
            for path, what in paths.items()
        )
        for each in differences
    )


def with_downstream(stages: Iterable[str], upstream: Mapping[str, set[str]]) -> list[str]:
    """The stages of the pipeline that are among `stages` or read, directly or not, from them."""
    found = set(stages)
    while more := {name for name, needs in upstream.items() if needs & found} - found:
        found |= more
    return [name for name in upstream if name in found]


def fitting(threads: int | None, gpus: int) -> int:
    """How many lanes suit this machine.

    One per GPU; else, where a stage keeps to `threads` cores, what cores and free memory allow.
    """
    if gpus or threads is None:
        return max(1, gpus)
    return max(1, min(workers.cores() // threads, psutil.virtual_memory().available // _MEMORY))


def _repro_one(name: str, lane: int, lanes: int, gpus: int, shown: screen.Screen) -> int:
    environment = dict(os.environ) | {workers.LANES: str(lanes), CHECKED: "1"}
    if shown.bars:
        environment[progress.SECONDS] = str(screen.SECONDS)
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = str(lane % gpus)
    command = [*_DVC, "--wait-for-lock", "repro", "--single-item", name]
    # whole lines through a pipe: the progress bars of several lanes would overwrite each other
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in without_hints(process.stdout):
            shown.line(name, line.rstrip("\n"))
    shown.end(name)
    return process.returncode


def without_hints(lines: Iterable[str]) -> Iterator[str]:
    """What DVC and a stage say, without the advice that DVC repeats after every stage.

    Blank lines go with it: DVC sets them around its advice alone.
    """
    return (line for line in lines if line.strip() and not line.strip().startswith(_HINTS))
