"""The pipeline brought up to date, several stages at once where the machine allows.

`dvc repro` runs one stage at a time. Here DVC is asked once which stages have changed; these and
all that read from them then run in lanes, one per GPU or per share of the cores. Each lane runs
`dvc repro --single-item` on a stage whose upstream stages are finished; `--wait-for-lock` lets the
lanes share DVC's records. A stage that fails holds up those alone that read from it. In the end a
plain `dvc repro` finds nothing to do.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from signal_perception.pipeline import environment, lane, progress, screen, signals, workers
from signal_perception.pipeline import gpus as devices
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.lane import Lane, stop
from signal_perception.pipeline.stage import CHECKED

# Memory that a stage of the default study stays below, bytes.
_MEMORY = 2 << 30
# Seconds between two looks for a signal.
_LOOK = 0.2
# What DVC says of data that is not here, and where data lies.
_MISSING, _DATA = ("deleted", "not in cache"), "data/"
HINT = (
    "To keep these results in Git: git add dvc.lock reports && git commit. To share the data "
    "behind them: signal-perception share."
)
# What a closing `dvc repro` says where it has something to do: it runs a stage, or has its result.
_FOUND = re.compile(r"Running stage '|Stage '.*(?<!didn't change, skipping)$")


@dataclass
class _State:
    """Where a run stands, by names of stages.

    failed: stage → file with its messages. stuck: those that read from a failed one.
    """

    upstream: Mapping[str, set[str]]
    waiting: list[str]
    failed: dict[str, Path] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    def ready(self, running: Iterable[str]) -> list[str]:
        busy = {*self.waiting, *running}
        return [stage for stage in self.waiting if not self.upstream[stage] & busy]

    def fail(self, stage: str, messages: Path) -> None:
        self.failed[stage] = messages
        lost = with_downstream([stage], self.upstream)
        self.stuck += [each for each in self.waiting if each in lost]
        self.waiting = [each for each in self.waiting if each not in lost]


def repro(
    stages: Sequence[str],
    upstream: Mapping[str, set[str]],
    lanes: int,
    gpus: Sequence[str] = (),
    each: int = 1,
    *,
    close: bool = True,
) -> None:
    """Bring `stages` up to date, `lanes` of them at a time, each after those it reads from.

    gpus: names of those to share out, as CUDA_VISIBLE_DEVICES has them; none: stages see what this
        process sees. each: how many a lane gets. close: whether a plain `dvc repro` ends it, which
        would run all stages whose data is not here.

    UserError in the end where a stage failed, or where a signal came: all processes of the stages
    under way are ended then, and no other begins.
    """
    state = _State(upstream, list(stages))
    with signals.noted() as asked, screen.Screen() as shown, ThreadPoolExecutor(lanes) as pool:
        running: dict[Future[int], tuple[Lane, int]] = {}
        free = list(range(lanes))
        while (state.waiting or running) and not asked:
            ready = state.ready(one.name for one, _ in running.values())
            for stage in ready[: len(free)]:
                number = free.pop(0)
                seen = devices.of_lane(gpus, number, each)
                one = _lane(stage, _environment(lanes, seen, shown), shown)
                running[pool.submit(one.run)] = one, number
                state.waiting.remove(stage)
            done, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                one, number = running.pop(future)
                free.append(number)
                _ended(state, one, future.result(), shown)
        if asked:
            under_way = _stop(running, asked, shown)
            state.finished += [one.name for one in under_way if under_way[one] == 0]
            raise UserError(_stopped(state, under_way, asked))
    if state.failed:
        raise UserError(_failed(state))
    if close:
        _close()


def changed(*, elsewhere: bool = False) -> dict[str, list]:
    """Stages whose inputs, code, parameters or outputs differ from dvc.lock, by `dvc status`.

    With what differs, as DVC says it: {"changed deps": {path: "modified"}}, "changed command", ….
    elsewhere: data that is missing counts as it stands in dvc.lock: it is on another machine.
    """
    answer = lane.ask("status", "--json")
    if answer is None:
        raise UserError("DVC cannot tell what has changed (its message stands above); mend it.")
    found = dict(json.loads(answer))
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


def _lane(stage: str, environment: Mapping[str, str], shown: screen.Screen) -> Lane:
    def show(line: str) -> None:
        shown.line(stage, line)

    return Lane(stage, ["repro", "--single-item", stage], environment, show)


def _environment(lanes: int, gpus: Sequence[str], shown: screen.Screen) -> dict[str, str]:
    variables = dict(os.environ) | {environment.LANES: str(lanes), CHECKED: "1"}
    if shown.bars:
        variables[progress.SECONDS] = str(screen.SECONDS)
    if gpus:
        variables[devices.VISIBLE] = ",".join(gpus)
    return variables


def _ended(state: _State, one: Lane, code: int, shown: screen.Screen) -> None:
    shown.end(one.name)
    if code == 0:
        state.finished.append(one.name)
        return
    state.fail(one.name, one.keep_messages())
    if state.waiting:
        shown.line(one.name, f"{one.name} failed; what does not read from it goes on.")


def _stop(
    running: Mapping[Future[int], tuple[Lane, int]], asked: signals.Asked, shown: screen.Screen
) -> dict[Lane, int]:
    """End the stages under way; how each ended, 0 for one that got done."""
    # a second signal is a user who waits for the prompt
    stop([one for one, _ in running.values()], hurry=lambda: asked.times > 1)
    ends = {one: future.result() for future, (one, _) in running.items()}
    for one in ends:
        shown.end(one.name)
    return ends


def _stopped(state: _State, ends: Mapping[Lane, int], asked: signals.Asked) -> str:
    cut = [one.name for one, code in ends.items() if code != 0]
    left = len(state.waiting) + len(state.stuck)
    failed = f", {_list(state.failed)} failed" if state.failed else ""
    return (
        f"Stopped by {asked.first}: {_list(cut) or 'no stage'} under way was cut off (finished "
        f"units of work are kept), {_count(state.finished)} finished and kept{failed}, {left} not "
        "begun; the same command goes on from here."
    )


def _failed(state: _State) -> str:
    said = ", ".join(f"{stage} ({messages})" for stage, messages in state.failed.items())
    stuck = f"; not run because of that: {_list(state.stuck)}" if state.stuck else ""
    return (
        f"{_count(state.failed)} failed, with its message in the file beside it: {said}{stuck}; "
        f"{_count(state.finished)} finished and kept. Mend what failed and run the same command "
        "again."
    )


def _close() -> None:
    """A plain `dvc repro`: silent where nothing is left; else what it finds is said and run."""
    found: list[str] = []

    def show(line: str) -> None:
        if not found and not _FOUND.match(line):
            return
        if not found:
            print("Something changed while the stages ran; DVC brings it up to date:", flush=True)
        found.append(line)
        print(line, flush=True)

    variables = dict(os.environ) | {CHECKED: "1"}
    closing = Lane("dvc-repro", ["repro"], variables, show)
    with signals.noted() as asked, ThreadPoolExecutor(1) as pool:
        future = pool.submit(closing.run)
        while not asked and not wait([future], timeout=_LOOK).done:
            pass
        if asked:
            stop([closing], hurry=lambda: asked.times > 1)
            raise UserError(
                f"Stopped by {asked.first} in the closing dvc repro; all stages are finished and "
                "kept, and the same command goes on from here."
            )
        if future.result() != 0:
            raise UserError(
                "All stages are finished, and the closing dvc repro failed (its message stands in "
                f"{closing.keep_messages()}); mend it and run the same command again."
            )


def _count(stages: Sequence[str] | Mapping[str, object]) -> str:
    return f"{len(stages)} stage{'' if len(stages) == 1 else 's'}"


def _list(names: Iterable[str]) -> str:
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last
