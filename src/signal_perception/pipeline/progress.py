"""One progress bar with rate and time left.

Plain lines, at most one every ten seconds, where the output is no terminal.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

# Seconds between two lines; the lanes ask for more of them, to draw bars.
SECONDS = "SIGNAL_PERCEPTION_SECONDS_BETWEEN_LINES"
_SECONDS_BETWEEN_LINES = 10.0
# What the bars of this process counted, for the record of the stage.
_counted: list[dict[str, str | int | float]] = []


def counted() -> list[dict[str, str | int | float]]:
    """Of each finished bar of this process: unit, how many, how many were done before, seconds."""
    return list(_counted)


class Progress:
    """Counts `total` pieces of work. Use as a context manager and call `advance` after each piece.

    Parameters
    ----------
    total: pieces of work in all, those already done by an earlier run (`done`) included.
    label: what is being done, in a few words.
    unit: what one piece is (singular), e.g. "video".
    """

    def __init__(self, total: int, label: str, unit: str = "it", done: int = 0):
        self.total, self.label, self.unit = total, label, unit
        self._count = self._first = done
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=label,
                unit=f" {unit}",
                dynamic_ncols=True,
                leave=True,
            )
        self._between = float(os.environ.get(SECONDS, _SECONDS_BETWEEN_LINES))
        self._start = self._last = time.monotonic()

    def __enter__(self) -> "Progress":
        if self._bar is None and self._first:
            self._line(f"{self._first} of {self.total} {self.unit}s were done before")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        seconds = time.monotonic() - self._start
        if self._bar is not None:
            self._bar.close()
        elif kind is None and self.total:
            self._line(f"{self._count} of {self.total} {self.unit}s, {seconds:.1f} s")
        if kind is None and self.total:
            done = {"unit": self.unit, "count": self._count, "before": self._first}
            _counted.append({**done, "seconds": round(seconds, 2)})

    def advance(self, pieces: int = 1, note: str = "") -> None:
        """Count pieces of work as done; `note` stands beside the bar."""
        self._count += pieces
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(pieces)
            return
        now = time.monotonic()
        if now - self._last >= self._between and self._count < self.total:
            rate = (self._count - self._first) / (now - self._start)
            left = (self.total - self._count) / rate
            done = f"{self._count} of {self.total} {self.unit}s"
            self._line(f"{done}, {rate:.2f}/s, {left:.0f} s left {note}".rstrip())
            self._last = now

    def _line(self, text: str) -> None:
        print(f"{self.label}: {text}", file=sys.stderr, flush=True)


def track(items: Iterable[T], total: int, label: str, unit: str = "it") -> Iterator[T]:
    """Iterate over `items` under one progress bar."""
    with Progress(total, label, unit) as progress:
        for item in items:
            yield item
            progress.advance()
