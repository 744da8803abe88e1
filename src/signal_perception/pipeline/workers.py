"""Run a list of independent, idempotent units of work: here, in local processes, or on Dask.

Where they run is no parameter: it comes from the environment and never changes a result.
`DASK_SCHEDULER_ADDRESS` names a running scheduler whose workers see the same files; otherwise
`SIGNAL_PERCEPTION_WORKERS` local processes are used (default: one for each core at hand, shared
among the lanes that run stages side by side).
"""

import os
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from multiprocessing import get_context
from signal import SIGKILL
from threading import Lock
from typing import TypeVar, cast

from pebble import ProcessExpired, ProcessPool

from signal_perception.pipeline import cluster, ends, environment, signals
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.progress import Progress

Unit = TypeVar("Unit")

_PREPARING = Lock()


def run(
    units: Sequence[Unit],
    work: Callable[..., object],
    *,
    label: str,
    noun: str = "unit",
    done: int = 0,
    prepare: Callable[[], object] | None = None,
    isolate: bool = False,
    together: bool = False,
) -> list[Unit]:
    """Call `work` once with each of `units`; the first error ends the run and is raised here.

    On a cluster a unit that fails is tried elsewhere, and the others are done before one that fails
    everywhere ends the run. Units are idempotent: a lost worker's may be done twice.

    Parameters
    ----------
    units: what is left to do; order is a preference, not a promise.
    work: can be pickled, writes its result to a file of its own, returns nothing of interest.
    done: units finished by an earlier run, for the progress bar.
    prepare: for work that fills all cores or a GPU by itself: its result, made once in a process,
        is the first argument of `work`. Such units stay in this process unless there is a cluster.
    isolate: keep the units out of this process, for work that may bring it down (libraries that
        crash at damaged files).
    together: `work(prepared, units, advance)` does many units in one call, and calls `advance()`
        after each.

    Returns
    -------
    The units that brought down their process, in the order of `units`: only with `isolate`, else
    that ends the run, too.
    """
    total = done + len(units)
    address = environment.scheduler()
    processes = 1 if prepare else min(count(), len(units))
    with Progress(total, label, noun, done=done) as progress:
        if address and units:
            if prepare:
                work = partial(_alone, work) if together else work
                work = partial(_prepared, uuid.uuid4().hex, prepare, work)
            return cluster.run(address, units, work, progress, isolate)
        if processes > 1 or (units and isolate):
            return _in_processes(processes, units, work, progress, isolate)
        if units and prepare:
            work = partial(work, prepare())
        if units and together:
            work(units, progress.advance)
            return []
        for each in units:
            work(each)
            progress.advance()
    return []


def count() -> int:
    """Local processes, and threads that read for a model: SIGNAL_PERCEPTION_WORKERS.

    Without it, the cores at hand divided by the lanes. UserError where it is wrong.
    """
    asked = environment.number(environment.WORKERS)
    return asked or max(1, cores() // (environment.number(environment.LANES) or 1))


def cores() -> int:
    """Cores that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_processes(
    processes: int,
    units: Sequence[Unit],
    work: Callable[[Unit], object],
    progress: Progress,
    isolate: bool,
) -> list[Unit]:
    died = set()
    left = deque(enumerate(units))
    waiting: dict[Future[object], int] = {}
    # spawn: a video reader or a CUDA context that was opened before a fork hangs in the child
    context, begin = get_context("spawn"), signals.end_with_parent
    with ProcessPool(processes, context=context, initializer=begin) as pool:
        try:
            while left or waiting:
                # one more than there are processes, so that none waits for its next unit
                while left and len(waiting) <= processes:
                    number, each = left.popleft()
                    waiting[cast("Future[object]", pool.schedule(work, (each,)))] = number
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    number = waiting.pop(future)
                    try:
                        future.result()
                    except ProcessExpired as end:
                        if not isolate or end.exitcode not in ends.FAULTS:
                            raise UserError(_end(end.exitcode, units[number])) from None
                        died.add(number)
                    else:
                        progress.advance()
        except Exception:
            # what other processes are at is finished, and kept
            wait(waiting)
            pool.stop()
            raise
        except BaseException:
            pool.stop()
            raise
    return [units[number] for number in sorted(died)]


def _end(code: int, unit: object) -> str:
    fewer = "; set SIGNAL_PERCEPTION_WORKERS to a smaller number" if code == -SIGKILL else ""
    return (
        f"The unit {ends.name(unit)} is not done: {ends.said(code)}{fewer}. What other workers "
        "finished is kept."
    )


def _alone(work: Callable[..., object], prepared: object, unit: object) -> None:
    """A unit by itself, of work that does many in one call."""
    work(prepared, [unit], lambda: None)


def _prepared(
    run: str, prepare: Callable[[], object], work: Callable[..., object], unit: object
) -> None:
    """On a Dask worker: keep what `prepare` makes with the worker itself while one run lasts."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        # a unit apart from the worker, which it might bring down
        work(prepare(), unit)
        return
    # units of one worker may run in several threads
    with _PREPARING:
        if getattr(worker, "signal_perception_run", None) != run:
            worker.signal_perception_prepared = prepare()  # type: ignore[attr-defined]
            worker.signal_perception_run = run  # type: ignore[attr-defined]
    work(worker.signal_perception_prepared, unit)  # type: ignore[attr-defined]
