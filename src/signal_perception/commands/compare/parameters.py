"""What changed in the parameters between two experiments, by full key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signal_perception.pipeline import params
from signal_perception.pipeline.params import read_yaml

ABSENT = "–"


@dataclass(frozen=True)
class Change:
    """One parameter; old and new as text, ABSENT where an experiment lacks the key."""

    file: str
    key: str
    old: str
    new: str


def changes(first: Path, second: Path) -> list[Change]:
    """Every parameter with another value: roots of two experiments → file by file.

    A list is one value.
    """
    files = [params.PARAMS]
    for root in (first, second):
        files += [path.relative_to(root) for path in sorted((root / params.MODELS).glob("*.yaml"))]
    found = []
    for file in dict.fromkeys(files):
        old, new = (dict(_leaves(_content(root / file))) for root in (first, second))
        for key in dict.fromkeys([*old, *new]):
            one, other = (_text(part[key]) if key in part else ABSENT for part in (old, new))
            if one != other:
                found.append(Change(str(file), key, one, other))
    return found


def _content(path: Path) -> Any:
    return read_yaml(path) if path.is_file() else {}


def _leaves(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _leaves(value, f"{prefix}{key}.")
    elif prefix:
        yield prefix.removesuffix("."), content


def _text(value: Any) -> str:
    """A value as it is spelt: equal numbers are equal texts, 1e-05 and 0.00001 too."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_text, value)) + "]"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(float(value)) if isinstance(value, float) else str(value)
