"""Figures as rows of named tables, printed and written as they come."""

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from signal_perception.pipeline.units import write_atomically

_NOT_SHOWN = ("seconds of each check",)


@dataclass
class Board:
    """All figures so far.

    Parameters
    ----------
    file: JSON, table → rows, complete at any time. stop: on the monotonic clock, seconds; no check
        begins after it.
    """

    file: Path
    stop: float
    rows: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def left(self) -> float:
        """Seconds until the time is up."""
        return self.stop - time.monotonic()

    def add(self, table: str, /, **figures: object) -> None:
        """A row of a table."""
        self.rows.setdefault(table, []).append(figures)
        said = ", ".join(f"{key} {_short(value)}" for key, value in _shown(figures).items())
        print(f"[{self.left():4.0f} s left] {table}: {said}", flush=True)
        text = json.dumps(self.rows, indent=1, default=str, ensure_ascii=False) + "\n"
        write_atomically(self.file, lambda path: path.write_text(text, encoding="utf-8"))

    def fault(self, check: str, error: str, trace: str) -> None:
        """A row of the table of faults."""
        self.add("faults", check=check, error=error[:300], trace=trace)
        print(trace, flush=True)

    def check(self, name: str, run: Callable[[], object], needs: float) -> None:
        """Run a check if `needs` seconds are left; an error is a fault, and the next check runs."""
        if self.left() < needs:
            self.add("skipped", check=name)
            return
        start = time.monotonic()
        try:
            run()
        except Exception as error:
            self.fault(name, f"{type(error).__name__}: {error}", traceback.format_exc())
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.add("seconds of each check", check=name, seconds=time.monotonic() - start)

    def tables(self) -> str:
        """The tables as Markdown."""
        parts = []
        for name, rows in self.rows.items():
            if name in _NOT_SHOWN:
                continue
            columns = list(dict.fromkeys(key for row in rows for key in _shown(row)))
            lines = [columns, ["---"] * len(columns)]
            lines += [[_short(row.get(key, "")) for key in columns] for row in rows]
            parts.append(f"## {name}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
        return "\n\n".join(parts)


def _shown(figures: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in figures.items() if key != "trace"}


def _short(value: object) -> str:
    if not isinstance(value, float):
        return str(value).replace("\n", " ").replace("|", "/")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
