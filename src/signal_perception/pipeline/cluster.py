"""Units of work on a Dask cluster that is up already.

A worker that is lost costs time: its units are done elsewhere. A unit that fails is tried on up to
three workers, one that brings workers down once more in a process of its own, which says how it
ended. What fails everywhere is named once all others are done.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from signal_perception.pipeline import ends, visit
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.progress import Progress
from signal_perception.pipeline.visit import Failure, said

Unit = TypeVar("Unit")

# Seconds until a scheduler has answered; between two questions to it; between two looks at it.
_PATIENCE, _LOOK, _GLANCE = 20.0, 30.0, 1.0
# Workers that try a unit; failed units after which the rest is not tried.
_TRIES, _HOPELESS = 3, 10
# Units that a sentence names.
_NAMED = 5


@dataclass
class _Work:
    """Units on their way.

    waiting: future → number of the unit. tried: workers that failed it. lost: how often its result
    was lost with a worker.
    """

    client: Any
    units: Sequence[Any]
    call: Callable[..., Any]
    arrived: SimpleQueue = field(default_factory=SimpleQueue)
    waiting: dict[Any, int] = field(default_factory=dict)
    tried: dict[int, list[str]] = field(default_factory=dict)
    lost: Counter = field(default_factory=Counter)

    def submit(self, number: int, *, apart: bool = False, workers: Sequence[str] = ()) -> None:
        where = {"workers": list(workers), "allow_other_workers": True} if workers else {}
        future = self.client.submit(self.call, apart, self.units[number], pure=False, **where)
        self.waiting[future] = number
        future.add_done_callback(self.arrived.put)


def run(
    address: str,
    units: Sequence[Unit],
    work: Callable[[Unit], object],
    progress: Progress,
    isolate: bool,
) -> list[Unit]:
    """Do all units; see `workers.run`. UserError where the cluster or its workers will not do."""
    with visit.here() as here, _connected(address) as client:
        going = _Work(client, units, partial(visit.visit, here, work))
        for number in range(len(units)):
            going.submit(number)
        failed: dict[int, str] = {}
        died: list[int] = []
        while going.waiting and len(failed) <= _HOPELESS:
            future = _next(going, address, progress.label)
            number = going.waiting.pop(future)
            try:
                failure = _outcome(client, future, address)
            except CancelledError:
                _again(going, number, address)
                continue
            if failure is None:
                progress.advance()
            elif failure.misfit:
                raise UserError(failure.misfit)
            elif not failure.worker:
                # it brought down one worker after another, or stood beside the unit that did
                going.submit(number, apart=True)
            elif failure.fault and isolate:
                died.append(number)
            elif others := _others(going, number, failure, address):
                going.submit(number, workers=others)
            else:
                failed[number] = failure.said
    if failed:
        raise UserError(_poisoned(units, failed, len(going.waiting)))
    return [units[number] for number in sorted(died)]


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    if find_spec("distributed") is None:
        raise UserError(
            "DASK_SCHEDULER_ADDRESS is set but the package distributed is not installed; run pip "
            "install -e '.[cluster]' or unset it."
        )
    from distributed import Client

    # what Dask logs of a lost scheduler is said here in a sentence
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"No Dask scheduler answers at {address} (DASK_SCHEDULER_ADDRESS: {error}); start "
                "it, or unset the variable to run here."
            ) from None
        try:
            yield client
        finally:
            # with all that is not done; a scheduler that is gone need not answer
            client.close(timeout=2)
    finally:
        logger.setLevel(level)


def _next(going: _Work, address: str, label: str) -> Any:
    """The next future that is done; UserError where the scheduler is gone or hangs."""
    told, look = False, time.monotonic() + _LOOK
    while True:
        try:
            return going.arrived.get(timeout=_GLANCE)
        except Empty:
            if going.client.status != "running":
                raise UserError(_gone(address)) from None
        if time.monotonic() < look:
            continue
        workers, look = _workers(going.client, address), time.monotonic() + _LOOK
        if not workers and not told:
            print(
                f"{label}: the Dask scheduler at {address} has no workers; waiting for some.",
                file=sys.stderr,
                flush=True,
            )
            told = True


def _workers(client: Any, address: str) -> list[str]:
    """Addresses of the workers; UserError where the scheduler does not answer."""
    try:
        return list(client.sync(client.scheduler.ncores, callback_timeout=_PATIENCE))
    except (OSError, TimeoutError, RuntimeError):
        raise UserError(_gone(address)) from None


def _again(going: _Work, number: int, address: str) -> None:
    """Do a unit again whose end Dask has forgotten; UserError where it is Dask that is lost."""
    going.lost[number] += 1
    if going.client.status != "running" or going.lost[number] > _TRIES:
        raise UserError(_gone(address))
    going.submit(number)


def _outcome(client: Any, future: Any, address: str) -> Failure | None:
    """What became of a unit; no `worker` where it brought workers down.

    CancelledError where Dask does not know any more.
    """
    from distributed import KilledWorker

    if future.status == "lost":
        raise CancelledError
    try:
        while True:
            try:
                return future.result(timeout=_PATIENCE)
            except TimeoutError:
                # lost with its worker: the unit is done again; a scheduler that is gone is told
                _workers(client, address)
    except KilledWorker as end:
        return Failure("", str(end))
    except (UserError, CancelledError):
        raise
    except OSError:
        raise UserError(_gone(address)) from None
    except Exception as error:
        # errors of units come as results: this one is of Dask, most likely of an import
        raise UserError(
            f"The Dask cluster at {address} cannot run this project's code ({said(error)}); start "
            "its scheduler and workers in the project's folder, with its PYTHONPATH=src and "
            "environment."
        ) from None


def _others(going: _Work, number: int, failure: Failure, address: str) -> list[str]:
    """Workers on which a failed unit may still be tried."""
    tried = going.tried.setdefault(number, [])
    tried.append(failure.worker)
    if failure.fault or len(tried) >= _TRIES:
        return []
    known = _workers(going.client, address)
    return [worker for worker in known if worker not in tried]


def _gone(address: str) -> str:
    return (
        f"The Dask scheduler at {address} is gone or does not answer; what was finished is kept. "
        "Start it and run again."
    )


def _poisoned(units: Sequence[object], failed: dict[int, str], untried: int) -> str:
    named = [f"{ends.name(units[number])}: {failed[number]}" for number in sorted(failed)[:_NAMED]]
    more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    rest = f"{untried} were not waited for" if untried else "all others are finished and kept"
    return (
        f"{len(failed)} of {len(units)} units failed on every Dask worker that took them "
        f"({'; '.join(named)}{more}); {rest}. Mend that and run again: only what is left is done "
        "(here, with DASK_SCHEDULER_ADDRESS unset)."
    )
