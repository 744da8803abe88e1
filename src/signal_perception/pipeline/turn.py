"""One `repro` of a project at a time: another waits for its turn."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signal_perception.pipeline import exclusive

# Beside DVC's own locks; whoever has it has written there who it is.
_LOCK = Path(".dvc/tmp/repro.lock")
_AGAIN = 1.0


@contextmanager
def taken() -> Iterator[None]:
    """Hold the project's turn, or wait for it and say for whom.

    The system gives it back when the process ends, however it ends.
    """
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("a+", encoding="utf-8") as file:
        told = False
        while not _try(file.fileno()):
            if not told:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                print(
                    f"Another signal-perception repro is at work here ({holder}); this one waits "
                    "until it ends and then looks what is left.",
                    flush=True,
                )
                told = True
            time.sleep(_AGAIN)
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _try(descriptor: int) -> bool:
    locked = exclusive.lock(descriptor)
    if locked is None:
        # some shared file systems have no locks; DVC has another kind for these (hardlink_lock)
        print(f"note: {_LOCK} cannot be locked on this file system; run one repro at a time.")
    return locked is not False
