"""What a page was made of, as one number: tables, settings and the code that reads them."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.util import hash_pandas_object

from signal_perception import report
from signal_perception.pipeline.params import plain
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings

# A page is as large as its pictures; what it was made of stands at its beginning.
_HEAD = 4096


def digest(results: Sequence[Results], settings: Settings) -> str:
    """SHA-256 of all that a page depends on, but for where and when it was made."""
    hashed = hashlib.sha256()
    for piece in (*_pieces(list(results)), *_pieces(plain(settings)), *_code()):
        hashed.update(piece)
    return hashed.hexdigest()


def is_current(path: Path, results: Sequence[Results], settings: Settings) -> bool:
    """Whether a page is there and was made of these tables and settings by this code."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8") as file:
        found = re.search(r'<meta name="digest" content="(\w+)">', file.read(_HEAD))
    return found is not None and found.group(1) == digest(results, settings)


def _pieces(value: Any) -> Iterable[bytes]:
    """A value as bytes, piece by piece; the order of a mapping's keys makes no difference."""
    if isinstance(value, pd.DataFrame):
        yield repr([*value.columns]).encode()
        # pandas gives this function without a type
        hashes = hash_pandas_object(value, index=False)  # pyright: ignore[reportCallIssue]
        yield np.asarray(hashes).tobytes()
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield each.name.encode()
            yield from _pieces(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield repr(key).encode()
            yield from _pieces(value[key])
    elif isinstance(value, list | tuple):
        yield f"{len(value)} in order".encode()
        for each in value:
            yield from _pieces(each)
    else:
        yield repr(value).encode()


def _code() -> Iterable[bytes]:
    """The files of the report's code."""
    root = Path(str(report.__file__)).parent
    for path in sorted(root.rglob("*.*")):
        if path.is_file() and path.suffix != ".pyc":
            yield str(path.relative_to(root)).encode()
            yield path.read_bytes()
