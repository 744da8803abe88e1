"""Locks that one process has, and that its end, of whatever kind, gives free.

A lock is a file that names its process.
"""

import errno
import fcntl
import os
import platform
import sys
import time
from pathlib import Path

from signal_perception.pipeline import disk
from signal_perception.pipeline.errors import UserError

# What a system says where its files know no locks.
_UNKNOWN = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
# Seconds that the system may take to clean up after a process that is gone.
_GONE = 5.0
# path → open file, of the locks of this process
_held: dict[Path, int] = {}


def take(path: Path, stage: str) -> None:
    """Have a stage's lock until this process ends; UserError where another has it.

    Where the file system knows no locks that is said, and nothing is locked.
    """
    path = path.absolute()
    if path in _held:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(file, stage)
    except BaseException:
        os.close(file)
        raise
    _held[path] = file


def lock(file: int) -> bool | None:
    """Lock an open file: False where another has it, None where its file system knows no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        return None
    return True


def _lock(file: int, stage: str) -> None:
    until = time.monotonic() + _GONE
    while (locked := lock(file)) is False:
        host, number = _holder(file)
        gone = host == platform.node() and not (number and disk.alive(number))
        if not gone or time.monotonic() > until:
            elsewhere = f" on {host}" if host != platform.node() else ""
            raise UserError(
                f"Stage {stage} is at work already, in process {number}{elsewhere}; wait for it, "
                f"or stop it (kill {number}) and run again."
            )
        time.sleep(0.1)
    if locked:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()} {platform.node()}".encode(), 0)
        return
    print(
        f"{stage}: the file system of .scratch knows no locks, so nothing keeps a second run of "
        "this stage away; do not start one.",
        file=sys.stderr,
        flush=True,
    )


def _holder(file: int) -> tuple[str, int]:
    """Machine and process that have a lock."""
    number, _, host = os.pread(file, 300, 0).decode(errors="replace").partition(" ")
    # it was taken this moment, and its holder has not said so
    return (host, int(number)) if number.isdigit() else (platform.node(), 0)


def _leave_to_parent() -> None:
    """In a forked process: the lock is its parent's, and goes with it."""
    while _held:
        os.close(_held.popitem()[1])


os.register_at_fork(after_in_child=_leave_to_parent)
