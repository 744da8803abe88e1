"""YAML files from anybody: read as plain values, in bounded time, without running code.

What YAML can do beside that is refused: a part that is referred to from elsewhere (`*alias`, with
which a few lines stand for gigabytes), tags of Python, a key that is there twice.
"""

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.text import on_one_line

# Bytes of a file of parameters: those of this project have below 20,000.
_LARGEST = 1 << 20
_DEEPEST = 30
_LETTERS = 300


def read_yaml(path: Path, largest: int = _LARGEST) -> Any:
    """Content of a YAML file as plain values; UserError where it is absent or not valid.

    largest: bytes, of a file that is longer by nature.
    """
    if not path.is_file():
        raise UserError(f"There is no {path} here; run this from the project's root.")
    if (size := path.stat().st_size) > largest:
        raise UserError(
            f"{path} has {size} bytes, and files of parameters have at most {largest}; restore it."
        )
    try:
        return parse_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is no text in UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None


def parse_yaml(text: str, name: str) -> Any:
    """What the text of the file `name` says, as plain values; UserError where it is not valid."""
    try:
        return copy.deepcopy(_parsed(text))
    except YAMLError as error:
        raise UserError(f"{name} is not valid YAML: {_said(error)}.") from None
    # what no number or date of Python can be, as a number of a million digits
    except (ValueError, OverflowError) as error:
        raise UserError(f"{name} is not valid YAML: {_short(str(error))}.") from None


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    # a tenth of a second for params.yaml, which is read for every stage
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Bounded
    return yaml.load(text)


class _Bounded(Composer):
    """Makes no node of an alias, and none in too many others."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.parser.check_event(AliasEvent):
            event = self.parser.peek_event()
            raise MarkedYAMLError(
                problem=f"*{event.anchor} stands for another part; write the part out",
                problem_mark=event.start_mark,
            )
        self._depth += 1
        if self._depth > _DEEPEST:
            raise YAMLError(f"it is nested more than {_DEEPEST} deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _said(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return _short(str(error))
    # ruamel quotes the value, and an advice to allow it
    problem = str(error.problem).partition(" with value")[0]
    twice = "; keep one of them" if isinstance(error, DuplicateKeyError) else ""
    mark = error.problem_mark or error.context_mark
    return _short(problem) + twice + (f" (line {mark.line + 1})" if mark is not None else "")


def _short(text: str) -> str:
    """Words of a library on one line, without its full stop."""
    line = on_one_line(" ".join(text.split())).rstrip(".")
    return line if len(line) <= _LETTERS else f"{line[:_LETTERS]}…"
