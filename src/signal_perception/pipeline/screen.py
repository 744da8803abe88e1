"""What stages that run side by side say: one bar for each on a terminal, plain lines elsewhere.

A stage in a lane writes to a pipe, so it says its progress in lines (`progress`). On a terminal
these become its bar, with rate and time left; whatever else it says is printed above the bars.
"""

import re
import sys
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

# A line of `progress.Progress`, while work goes on.
_LINE = re.compile(r"(.+): (\d+) of (\d+) \w+s, ([\d.]+/s), (\d+) s left ?(.*)")
# Seconds between two such lines where they are drawn as bars.
SECONDS = 1.0


class Screen:
    """Where the lanes write. Use as a context manager; any thread may call `line` and `end`."""

    def __init__(self) -> None:
        self.bars = sys.stdout.isatty()
        self._console = Console()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[said]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = Lock()

    def __enter__(self) -> "Screen":
        if self.bars:
            self._progress.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.bars:
            self._progress.stop()

    def line(self, stage: str, text: str) -> None:
        """Show a line that a stage has written."""
        if not self.bars:
            print(text, flush=True)
            return
        match = _LINE.fullmatch(text)
        if match is None:
            # Text and not str: a file name with brackets is no markup
            self._console.print(Text(text))
            return
        label, done, total, rate, left, note = match.groups()
        said = {
            "completed": int(done),
            "total": int(total),
            "said": f"{rate}, {left} s left {note}",
        }
        with self._lock:
            if stage not in self._tasks:
                self._tasks[stage] = self._progress.add_task(label, **said)
            self._progress.update(self._tasks[stage], description=label, **said)

    def end(self, stage: str) -> None:
        """Take the bar of a stage away."""
        with self._lock:
            if stage in self._tasks:
                self._progress.remove_task(self._tasks.pop(stage))
