"""How fast a run is, epoch by epoch: in a file of its own, since no result depends on it."""

import csv
import time
from pathlib import Path

import psutil
import torch

# No output of the pipeline; it holds times, which differ from run to run.
FOLDER = Path("logs/finetune")
COLUMNS = ("epoch", "seconds", "clips_per_second", "memory_mib")


class Speed:
    """Seconds, clips per second and memory of the epochs of a run, written as they end.

    Of the steps, without what is scored after them. memory_mib: most that the GPU held in the
    epoch, or what this process holds at its end. An epoch that was interrupted
    has the seconds and clips since then. file: CSV, begun anew by epoch 0; None: nothing is kept.
    """

    def __init__(self, file: Path | None):
        self._file = file
        self._start = self._state = time.monotonic()
        self._clips = 0

    def begin(self, where: torch.device) -> None:
        """Begin an epoch, or go on with one."""
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)
        self._start, self._clips = time.monotonic(), 0

    def count(self, clips: int) -> None:
        self._clips += clips

    def end(self, epoch: int, where: torch.device) -> None:
        """Write the row of an epoch, once its steps are done."""
        if self._file is None:
            return
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        seconds = time.monotonic() - self._start
        if where.type == "cuda":
            memory = torch.cuda.max_memory_allocated(where)
        else:
            memory = psutil.Process().memory_info().rss
        row = (epoch, f"{seconds:.2f}", f"{self._clips / seconds:.2f}", memory >> 20)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        anew = epoch == 0 or not self._file.is_file()
        with self._file.open("w" if anew else "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([COLUMNS, row] if anew else [row])

    def since_state(self) -> float:
        """Seconds since the state of the run was last kept."""
        return time.monotonic() - self._state

    def state_kept(self) -> None:
        self._state = time.monotonic()
