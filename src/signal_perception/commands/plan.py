"""What would run now, why, for how long, and how much disk it takes."""

import heapq
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from signal_perception.commands import output
from signal_perception.commands.forecast import estimates, speeds
from signal_perception.commands.forecast.estimates import Estimate
from signal_perception.pipeline import dvcfile, lanes, params, records, workers
from signal_perception.pipeline.lock import LOCK
from signal_perception.pipeline.params import Params

# What of a change is named, before "and so many more".
_NAMED = 2


@dataclass(frozen=True)
class Step:
    """A stage that would run. why: in words. seconds, size (bytes): None where not known."""

    stage: str
    why: str
    seconds: float | None
    size: float | None
    source: str


@dataclass(frozen=True)
class Plan:
    """All steps, in an order in which they can run.

    seconds: of all, one after the other; side_by_side: with `lanes` at a time; both with DVC's own
    seconds for each stage. size: bytes of all outputs; free: bytes of the disk.
    """

    steps: tuple[Step, ...]
    seconds: float
    side_by_side: float
    lanes: int
    size: float
    free: float


def plan_command(as_json: bool) -> None:
    """Print what `signal-perception repro` would do now."""
    settings = params.load()
    found = plan(settings, lanes.changed())
    if as_json:
        output.as_json(asdict(found))
    else:
        _print(found)


def plan(settings: Params, changed: Mapping[str, list]) -> Plan:
    """What follows from the stages that changed, by what `dvc status` says of each."""
    stages = dvcfile.stages()
    upstream = dvcfile.upstream(stages)
    names = lanes.with_downstream(changed, upstream)
    # by its text: parsing a file of this length takes seconds
    lock = LOCK.read_text(encoding="utf-8") if LOCK.is_file() else ""
    ran = [name for name in names if f"\n  {name}:\n" in lock]
    machine, at_once = here(settings)
    forecast = estimates.Forecast(settings, machine, records.read())
    steps = tuple(
        _step(forecast.estimate(stages[name]), _why(name, changed, upstream, names, ran))
        for name in names
    )
    took = {step.stage: (step.seconds or 0.0) + forecast.overhead() for step in steps}
    return Plan(
        steps,
        sum(took.values()),
        side_by_side(took, upstream, at_once),
        at_once,
        sum(step.size or 0.0 for step in steps),
        float(shutil.disk_usage(Path()).free),
    )


def here(settings: Params) -> tuple[speeds.Machine, int]:
    """This machine, and how many stages run on it at a time."""
    import torch

    from signal_perception.inference.device import device

    gpus = torch.cuda.device_count()
    at_once = lanes.fitting(settings.cpu_threads, gpus)
    share = max(1, workers.cores() // at_once)
    name = torch.cuda.get_device_name() if device().type == "cuda" else ""
    threads = settings.cpu_threads or share
    return speeds.Machine(name, speeds.factor(), threads, share), at_once


def side_by_side(
    took: Mapping[str, float], upstream: Mapping[str, set[str]], at_once: int
) -> float:
    """Seconds until all stages are done, so many at a time, each after those it reads from."""
    waiting = list(took)
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        busy = {*waiting, *(name for _, name in running)}
        for name in [each for each in waiting if not upstream[each] & busy]:
            if len(running) < at_once:
                heapq.heappush(running, (now + took[name], name))
                waiting.remove(name)
        now, _ = heapq.heappop(running)
    return now


def _step(found: Estimate, why: str) -> Step:
    return Step(found.stage, why, found.seconds, found.size, found.source)


def _why(
    name: str,
    changed: Mapping[str, list],
    upstream: Mapping[str, set[str]],
    names: Sequence[str],
    ran: Collection[str],
) -> str:
    """Why a stage would run, in a few words."""
    if name not in changed:
        return "follows " + _few(each for each in names if each in upstream[name])
    if name not in ran:
        return "has not run yet"
    said = []
    for entry in changed[name]:
        if isinstance(entry, str):
            said.append(entry)
            continue
        for what, items in entry.items():
            paths = list(_changes(items))
            said.append(_few(paths) if what == "changed deps" else f"{what[8:]}: {_few(paths)}")
    return "; ".join(said)


def _changes(items: Mapping[str, object]) -> Iterable[str]:
    """Each changed thing with what became of it; of a parameter file its keys."""
    for path, state in items.items():
        if isinstance(state, Mapping):
            yield from (f"{key} {each}" for key, each in state.items())
        else:
            yield f"{path} {state}"


def _few(found: Iterable[str]) -> str:
    names = list(found)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _print(found: Plan) -> None:
    if not found.steps:
        print("Nothing has changed: all stages are up to date.")
        return
    kinds = list(dict.fromkeys(step.stage.partition("@")[0] for step in found.steps))
    if len(found.steps) > len(kinds):
        rows = []
        for kind in kinds:
            own = [step for step in found.steps if step.stage.partition("@")[0] == kind]
            seconds, size = _sum(step.seconds for step in own), _sum(step.size for step in own)
            rows.append((kind, len(own), _minutes(seconds), _gigabytes(size)))
        columns = ("stages", "number", "minutes", "GB")
        output.table("What would run, by kind", columns, rows, right=columns[1:])
        print()
    output.table(
        "What would run",
        ("stage", "minutes", "GB", "from", "why"),
        [
            (step.stage, _minutes(step.seconds), _gigabytes(step.size), step.source, step.why)
            for step in found.steps
        ],
        right=("minutes", "GB"),
    )
    unknown = [step for step in found.steps if step.seconds is None]
    least = "at least " if unknown else "about "
    several = f", {_minutes(found.side_by_side)} with {found.lanes} side by side"
    print(
        f"\n{len(found.steps)} stages, {least}{_minutes(found.seconds)} minutes one after the other"
        f"{several if found.lanes > 1 else ''}; {_gigabytes(found.size)} GB, and "
        f"{_gigabytes(found.free)} GB of the disk are free."
    )
    print("A stage whose results are in DVC's cache, or come out as before, takes seconds.")


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes = seconds / 60
    return f"{minutes:.1f}" if minutes < 100 else f"{minutes:.0f}"


def _gigabytes(size: float | None) -> str:
    if size is None:
        return "?"
    gigabytes = size / 1e9
    return f"{gigabytes:.3f}" if gigabytes < 1 else f"{gigabytes:.1f}"
