"""Signals that ask a process to end: an exception, so that all is undone that must be, or a note.

A note is for a program that ends others in an order of its own.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection
from types import FrameType

_ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A terminal, DVC and the lanes may all pass one on; seconds in which they count as one.
_SAME = 2.0


class Stopped(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        """E.g. "SIGTERM"."""
        return signal.Signals(self.number).name

    @property
    def code(self) -> int:
        """The exit code by which a shell knows of it."""
        return 128 + self.number


@contextmanager
def heard() -> Iterator[None]:
    """Inside, a signal that asks this process to end raises `Stopped` in its main thread.

    What is ignored from outside (nohup) stays so. Afterwards all is as before, but after a
    `Stopped` the process is to end, and no signal hurries it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {number: signal.getsignal(number) for number in _ASKING}
    usual = {number: known for number, known in usual.items() if known is not signal.SIG_IGN}
    raises = _Raises()
    for number in usual:
        signal.signal(number, raises)
    try:
        yield
    except Stopped:
        for number in usual:
            signal.signal(number, signal.SIG_IGN)
        raise
    for number, known in usual.items():
        signal.signal(number, known)


class Asked:
    """The signals that have come. first: the first one's name, "" before. times: how many."""

    def __init__(self) -> None:
        self.first = ""
        self.times = 0

    def __bool__(self) -> bool:
        return self.times > 0

    def _note(self, number: int, frame: object) -> None:
        self.first = self.first or signal.Signals(number).name
        self.times += 1


@contextmanager
def noted() -> Iterator[Asked]:
    """Note SIGINT, SIGTERM and SIGHUP; those that are ignored stay so (nohup, a shell's &)."""
    asked = Asked()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _ASKING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, asked._note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """See to it that this worker ends when the process that began it does, of whatever cause.

    It would finish its unit, and might meet the next run at it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


class _Raises:
    def __init__(self) -> None:
        self._process = os.getpid()
        self._last = -_SAME

    def __call__(self, number: int, _: FrameType | None) -> None:
        if os.getpid() != self._process:
            # a forked worker: who began it ends it, and has the last word
            if number != signal.SIGINT:
                os._exit(128 + number)
            return
        now = time.monotonic()
        # one that comes later is meant: what is being undone takes too long
        if now - self._last > _SAME:
            self._last = now
            raise Stopped(number)
