"""Run a list of independent, idempotent units of work: in this process, in local processes, or on a Dask cluster.

Where they run is no parameter: it comes from the environment and never changes a result.
`DASK_SCHEDULER_ADDRESS` names a running scheduler whose workers see the same files; otherwise `SIGNAL_PERCEPTION_WORKERS` local
processes are used (default: one, this one).
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.util import find_spec
from multiprocessing import get_context
from typing import TypeVar

from signal_perception.errors import UserError
from signal_perception.progress import Progress

Unit = TypeVar("Unit")


def run(
    units: Sequence[Unit],
    work: Callable[[Unit], object],
    *,
    label: str,
    unit: str = "unit",
    done: int = 0,
    spread: bool = True,
) -> None:
    """Call `work` once with each of `units`; the first error ends the run and is raised here.

    Parameters
    ----------
    units: what is left to do; order is a preference, not a promise.
    work: a function that can be pickled, writes its result to a file of its own and returns nothing of interest.
    done: units finished by an earlier run, for the progress bar.
    spread: False keeps the units in this process unless there is a cluster (for work that fills all cores by itself).
    """
    total = done + len(units)
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    processes = min(count(), len(units)) if spread else 1
    with Progress(total, label, unit, done=done) as progress:
        if address:
            _on_dask(address, units, work, progress)
        elif processes > 1:
            _in_processes(processes, units, work, progress)
        else:
            for each in units:
                work(each)
                progress.advance()


def count() -> int:
    """Number of local processes asked for by SIGNAL_PERCEPTION_WORKERS; UserError where that is no positive number."""
    text = os.environ.get("SIGNAL_PERCEPTION_WORKERS", "1")
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"SIGNAL_PERCEPTION_WORKERS is {text!r}; it must be a whole number of processes, 1 or more.")
    return int(text)


def _in_processes(processes: int, units: Sequence[Unit], work: Callable[[Unit], object], progress: Progress) -> None:
    # spawn: a video reader or a CUDA context that was opened before a fork hangs in the child
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(work, each) for each in units]
        try:
            for future in as_completed(waiting):
                future.result()
                progress.advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_dask(address: str, units: Sequence[Unit], work: Callable[[Unit], object], progress: Progress) -> None:
    if find_spec("distributed") is None:
        raise UserError(
            "DASK_SCHEDULER_ADDRESS is set but the package distributed is not installed; run pip install -e '.[cluster]' or unset it."
        )
    from distributed import Client
    from distributed import as_completed as as_dask_completed

    with Client(address) as client:
        for future in as_dask_completed(client.map(work, units, pure=False)):
            future.result()
            progress.advance()
