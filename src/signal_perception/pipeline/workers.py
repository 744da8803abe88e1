"""Run a list of independent, idempotent units of work: here, in local processes, or on Dask.

Where they run is no parameter: it comes from the environment and never changes a result.
`DASK_SCHEDULER_ADDRESS` names a running scheduler whose workers see the same files; otherwise
`SIGNAL_PERCEPTION_WORKERS` local processes are used (default: one for each core at hand, shared
among the lanes that run stages side by side).
"""

import os
import signal
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from threading import Lock
from typing import TypeVar, cast

from pebble import ProcessExpired, ProcessPool

from signal_perception.pipeline import environment, signals
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.progress import Progress

Unit = TypeVar("Unit")

LANES = environment.LANES

# How a process ends by a fault of its own.
_FAULTS = {
    -number
    for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
}
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
            return _on_dask(address, units, work, progress, isolate)
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
    return asked or max(1, cores() // (environment.number(LANES) or 1))


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
    # spawn: a video reader or a CUDA context that was opened before a fork hangs in the child
    context, begin = get_context("spawn"), signals.end_with_parent
    with ProcessPool(processes, context=context, initializer=begin) as pool:
        waiting = {
            cast("Future[object]", pool.schedule(work, (each,))): number
            for number, each in enumerate(units)
        }
        try:
            for future in as_completed(waiting):
                try:
                    future.result()
                except ProcessExpired as end:
                    if not isolate or end.exitcode not in _FAULTS:
                        raise UserError(_end(end.exitcode)) from None
                    died.add(waiting[future])
                else:
                    progress.advance()
        except BaseException:
            pool.stop()
            raise
    return [units[number] for number in sorted(died)]


def _end(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "A worker process was killed (signal 9), most likely for want of memory; set "
            "SIGNAL_PERCEPTION_WORKERS to a smaller number."
        )
    return (
        f"A worker process ended with exit code {code} in the middle of its work; what other "
        "workers finished is kept."
    )


def _on_dask(
    address: str,
    units: Sequence[Unit],
    work: Callable[[Unit], object],
    progress: Progress,
    isolate: bool,
) -> list[Unit]:
    if find_spec("distributed") is None:
        raise UserError(
            "DASK_SCHEDULER_ADDRESS is set but the package distributed is not installed; run pip "
            "install -e '.[cluster]' or unset it."
        )
    from distributed import Client, KilledWorker
    from distributed import as_completed as as_dask_completed

    died = set()
    with Client(address) as client:
        futures = client.map(work, units, pure=False)
        waiting = {future: number for number, future in enumerate(futures)}
        for future in as_dask_completed(waiting):
            try:
                future.result()
            except KilledWorker as end:
                if not isolate:
                    raise UserError(f"Dask gave a unit of work up: {end}.") from None
                died.add(waiting[future])
            else:
                progress.advance()
    return [units[number] for number in sorted(died)]


def _alone(work: Callable[..., object], prepared: object, unit: object) -> None:
    """A unit by itself, of work that does many in one call."""
    work(prepared, [unit], lambda: None)


def _prepared(
    run: str, prepare: Callable[[], object], work: Callable[..., object], unit: object
) -> None:
    """On a Dask worker: keep what `prepare` makes with the worker itself while one run lasts."""
    from distributed import get_worker

    worker = get_worker()
    # units of one worker may run in several threads
    with _PREPARING:
        if getattr(worker, "signal_perception_run", None) != run:
            worker.signal_perception_prepared = prepare()  # type: ignore[attr-defined]
            worker.signal_perception_run = run  # type: ignore[attr-defined]
    work(worker.signal_perception_prepared, unit)  # type: ignore[attr-defined]
