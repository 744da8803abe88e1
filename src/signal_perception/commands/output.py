"""What commands print: tables and bars for people, JSON for programs.

On a terminal a table has colours and wraps; elsewhere (a log, a pipe) it is aligned lines of any
width, so that `grep` and `awk` find a row whole. Numbers stand as the caller wrote them.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_BLOCKS = " ▏▎▍▌▋▊▉█"


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    right: Sequence[str] = (),
) -> None:
    """Print a table.

    title: printed above; "" for none. columns: one heading per column, no line of them where all
    are "". rows: a cell per column,
    printed by str(), None as nothing. right: the columns of numbers, which are aligned to the
    right.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich(title, columns, cells, right)
    else:
        _plain(title, columns, cells, right)


def as_json(value: object) -> None:
    """Print a value as JSON: frozen dataclasses as objects, paths as text, NaN as null."""
    plain = json.dumps(_plain_value(value), indent=2, ensure_ascii=False, allow_nan=False)
    print(plain)


def bar(share: float, width: int = 20) -> str:
    """A bar of `width` cells of which `share` (0 to 1) is filled, to an eighth of a cell."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (_BLOCKS[part] if part else "")).ljust(width)


def _rich(
    title: str, columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]
) -> None:
    shown = Table(
        title=Text(title) if title else None, title_justify="left", show_header=any(columns)
    )
    for name in columns:
        justify = "right" if name in right else "left"
        shown.add_column(Text(name), justify=justify, overflow="fold")
    for row in cells:
        # Text and not str: a file name with brackets is no markup
        shown.add_row(*(Text(cell) for cell in row))
    Console().print(shown)


def _plain(
    title: str, columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]
) -> None:
    if title:
        print(title)
    lines = [list(columns), *cells] if any(columns) else list(cells)
    widths = [max((len(line[place]) for line in lines), default=0) for place in range(len(columns))]
    for line in lines:
        padded = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(columns, line, widths, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _plain_value(value: Any) -> Any:
    """A value in the types that JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain_value(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain_value(each) for each in value]
    if isinstance(value, Path):
        return value.as_posix()
    # scalars and arrays of numpy, without importing it
    if hasattr(value, "tolist"):
        return _plain_value(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
