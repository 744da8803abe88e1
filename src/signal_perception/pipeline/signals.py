"""Signals that ask a program to end, noted instead of obeyed: it ends in its own order then."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
