"""Work beside the model: what comes next is read, and what was found is written, in threads.

Order and results are those of a plain loop. What waits is bounded, so that memory is.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def read_ahead(
    read: Callable[[Argument], Result],
    arguments: Iterable[Argument],
    *,
    threads: int = 1,
    ahead: int = 2,
) -> Iterator[Result]:
    """`read` of each argument in turn; the next `ahead` are read while one is used.

    An error of `read` is raised where its result would have come.

    threads: how many are read at once.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
        try:
            for argument in arguments:
                waiting.append(pool.submit(read, argument))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class WriteBehind:
    """A thread that writes while the model goes on. Use as a context manager.

    One write is at work at a time and none waits: `write` returns when the one before is done. The
    end of the context waits for the last one. An error of a write is raised by the next call or at
    the end.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._pending: Future[object] | None = None

    def __enter__(self) -> "WriteBehind":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._finish()

    def write(self, work: Callable[[], object]) -> None:
        """Begin `work` in the thread, once what it did before is done."""
        self._finish()
        self._pending = self._pool.submit(work)

    def _finish(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()
