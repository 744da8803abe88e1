"""Small tables and metrics as files: read so that damage is noticed.

A file that is cut off, garbled, or of another kind than asked for is a UserError, one sentence that
names it. Which kinds there are, `report.results.columns` says.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Kind:
    """The columns of a table.

    columns: those that are there in any case, in order. texts: of these and others; all else are
    numbers, or true and false, or empty. also: columns that some tables have beside these.
    """

    columns: tuple[str, ...]
    texts: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()


def read(path: Path, kind: Kind, **options: Any) -> pd.DataFrame:
    """A table of a kind. options: of `pandas.read_csv`."""
    text = _checked(path, kind)
    if not text:
        return pd.DataFrame(columns=list(kind.columns))
    try:
        table = pd.read_csv(io.StringIO(text, newline=""), **options)
    except ValueError as error:
        raise _damaged(path, str(error).strip()) from None
    for name, column in table.items():
        # a column of nothing has no type
        if name in kind.texts or name not in kind.columns or not len(column.dropna()):
            continue
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            raise _damaged(path, f"its column {name} has something that is no number")
    return table


def columns(path: Path, kind: Kind) -> list[str]:
    """The names of all columns of a table."""
    return next(csv.reader(io.StringIO(_checked(path, kind))), [])


def read_json(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """Metrics in a file of JSON. keys: what it has in any case."""
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError):
        raise _damaged(path, "it is no whole JSON") from None
    if not isinstance(found, dict):
        raise _damaged(path, "it is no JSON of names and values")
    missing = [key for key in keys if key not in found]
    if missing:
        raise _damaged(path, f"it has no {missing[0]}")
    return found


def _checked(path: Path, kind: Kind) -> str:
    """The text of a table whose rows are whole and whose columns are those of its kind."""
    text = _text(path)
    # what a table without rows or columns is written as
    if text in ("\n", "\r\n"):
        return ""
    if not text.endswith("\n"):
        raise _damaged(path, "its end is missing")
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = next(rows)
        for number, row in enumerate(rows, 2):
            if len(row) != len(names):
                fault = f"row {number} has {len(row)} cells, and there are {len(names)} columns"
                raise _damaged(path, fault)
    except csv.Error as error:
        raise _damaged(path, str(error)) from None
    _refuse_other_columns(path, kind, names)
    return text


def _refuse_other_columns(path: Path, kind: Kind, names: Sequence[str]) -> None:
    missing = [name for name in kind.columns if name not in names]
    if missing:
        raise UserError(
            f"Table {path} has no column {missing[0]}, so it is damaged or of another version; "
            "restore it (git checkout, or dvc checkout), or run the stage that writes it again."
        )


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    except UnicodeDecodeError:
        raise _damaged(path, "it is no text in UTF-8") from None
    if not text:
        raise _damaged(path, "it is empty")
    return text


def _damaged(path: Path, fault: str) -> UserError:
    return UserError(
        f"Table {path} cannot be read ({fault}); restore it (git checkout, or dvc checkout), or "
        "run the stage that writes it again."
    )
