"""Run a list of independent, idempotent units of work: in this process, in local processes, or on a Dask cluster.

Where they run is no parameter: it comes from the environment and never changes a result.
`DASK_SCHEDULER_ADDRESS` names a running scheduler whose workers see the same files; otherwise `SIGNAL_PERCEPTION_WORKERS` local
processes are used (default: one, this one).
"""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from importlib.util import find_spec
from multiprocessing import get_context
from typing import TypeVar, cast

from pebble import ProcessExpired, ProcessPool

from signal_perception.errors import UserError
from signal_perception.progress import Progress

Unit = TypeVar("Unit")

# how a process ends by a fault of its own
_FAULTS = {-number for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)}


def run(
    units: Sequence[Unit],
    work: Callable[[Unit], object],
    *,
    label: str,
    unit: str = "unit",
    done: int = 0,
    spread: bool = True,
    isolate: bool = False,
) -> list[Unit]:
    """Call `work` once with each of `units`; the first error ends the run and is raised here.

    Returns
    -------
    The units that brought down their process, in the order of `units`: only with `isolate`, else that ends the run, too.

    Parameters
    ----------
    units: what is left to do; order is a preference, not a promise.
    work: a function that can be pickled, writes its result to a file of its own and returns nothing of interest.
    done: units finished by an earlier run, for the progress bar.
    spread: False keeps the units in this process unless there is a cluster (for work that fills all cores by itself).
    isolate: True keeps them out of this process, for work that may bring it down (libraries that crash at damaged files).
    """
    total = done + len(units)
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    processes = min(count(), len(units)) if spread else 1
    with Progress(total, label, unit, done=done) as progress:
        if address:
            return _on_dask(address, units, work, progress, isolate)
        if processes > 1 or (units and isolate):
            return _in_processes(processes, units, work, progress, isolate)
        for each in units:
            work(each)
            progress.advance()
    return []


def count() -> int:
    """Number of local processes asked for by SIGNAL_PERCEPTION_WORKERS; UserError where that is no positive number."""
    text = os.environ.get("SIGNAL_PERCEPTION_WORKERS", "1")
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"SIGNAL_PERCEPTION_WORKERS is {text!r}; it must be a whole number of processes, 1 or more.")
    return int(text)


def _in_processes(
    processes: int, units: Sequence[Unit], work: Callable[[Unit], object], progress: Progress, isolate: bool
) -> list[Unit]:
    died = set()
    # spawn: a video reader or a CUDA context that was opened before a fork hangs in the child
    with ProcessPool(processes, context=get_context("spawn")) as pool:
        waiting = {cast("Future[object]", pool.schedule(work, (each,))): number for number, each in enumerate(units)}
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
        return "A worker process was killed (signal 9), most likely for want of memory; set SIGNAL_PERCEPTION_WORKERS to a smaller number."
    return (
        f"A worker process ended with exit code {code} in the middle of its work; what other workers finished is kept."
    )


def _on_dask(
    address: str, units: Sequence[Unit], work: Callable[[Unit], object], progress: Progress, isolate: bool
) -> list[Unit]:
    if find_spec("distributed") is None:
        raise UserError(
            "DASK_SCHEDULER_ADDRESS is set but the package distributed is not installed; run pip install -e '.[cluster]' or unset it."
        )
    from distributed import Client, KilledWorker
    from distributed import as_completed as as_dask_completed

    died = set()
    with Client(address) as client:
        waiting = {future: number for number, future in enumerate(client.map(work, units, pure=False))}
        for future in as_dask_completed(waiting):
            try:
                future.result()
            except KilledWorker as end:
                if not isolate:
                    raise UserError(f"Dask gave a unit of work up: {end}") from None
                died.add(waiting[future])
            else:
                progress.advance()
    return [units[number] for number in sorted(died)]
