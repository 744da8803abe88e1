"""Where the numbers of a model's entry come from: the comments of its file.

A key's source is the comment above it, or above the nearest key before it in the same part; a key
inside another may have that one's. What is of one data set alone (`on`) has a source
of its own. An entry whose own comment says whose it is, as "Ours, for …", is the source of what is
left. A source begins with the one whose value it is (`OWNERS`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.overrides import ON, PARTS
from signal_perception.pipeline.params import MODELS, read_yaml

OWNERS = ("Authors", "mmaction2", "DeepMind", "pytorch-i3d", "Ours")
SOURCED = ("network", "input", "protocol", "recipe", "pretrained")

_KEY = re.compile(r"( *)([A-Za-z_][\w-]*):(?: |$)")
_OWNED = re.compile(rf"(?:{'|'.join(OWNERS)})\b")

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """One value of an entry as a data set has it.

    key: within the entry, e.g. "recipe.lr". source: empty where none is given. instead_of: what
    other data sets have, where this one has its own (`own`).
    """

    key: str
    value: Any
    source: str
    own: bool = False
    instead_of: Any = None


def values(model: str, size: str, dataset: str | None, root: Path = Path()) -> list[Value]:
    """All values that a model's file gives for an entry, in the order of the file."""
    path = root / MODELS / f"{model}.yaml"
    entry = read_yaml(path)[size]
    found = comments(path.read_text(encoding="utf-8"))
    return [
        value
        for part in SOURCED
        if isinstance(entry.get(part), Mapping)
        for value in _of_part(part, entry[part], size, dataset, found)
    ]


def refuse_without_source(model: str, size: str, dataset: str | None, root: Path = Path()) -> None:
    """UserError where a value of an entry does not say where it comes from."""
    for value in values(model, size, dataset, root):
        if not _OWNED.match(value.source):
            part, _, rest = value.key.partition(".")
            place = f"{part}.{ON}.{dataset}.{rest}" if value.own else value.key
            said = f"its source is {value.source!r}" if value.source else "it has no source"
            raise UserError(
                f"{MODELS / model}.yaml: {size}.{place} is {value.value!r}, and {said}; write "
                f"above it whose value it is, beginning with one of {', '.join(OWNERS)}."
            )


def comments(text: str) -> dict[Keys, str]:
    """Full key → the comment directly above it, of the keys of a YAML file that have one."""
    found: dict[Keys, str] = {}
    above: list[tuple[int, str]] = []
    block: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            block.append(line.lstrip()[1:].strip())
            continue
        if match := _KEY.match(line):
            indent = len(match[1])
            above = [*(each for each in above if each[0] < indent), (indent, match[2])]
            if block:
                found[tuple(key for _, key in above)] = _joined(block)
        block = []
    return found


def _joined(lines: list[str]) -> str:
    """A comment on one line; a path that goes on in the next line is put together."""
    text = ""
    for line in lines:
        text += line if re.search(r"\w/$", text) or not text else f" {line}"
    return text


def _of_part(
    part: str, content: Mapping[str, Any], size: str, dataset: str | None, found: dict[Keys, str]
) -> Iterator[Value]:
    fallback = found.get((size,), "")
    fallback = fallback if _OWNED.match(fallback) else ""
    others = content.get(ON) if part in PARTS else None
    mine = (others or {}).get(dataset) or {}
    own = {value.key: value for value in _leaves((size, part, ON, str(dataset)), mine, found, "")}
    common = {key: value for key, value in content.items() if key != ON or part not in PARTS}
    for value in _leaves((size, part), common, found, fallback):
        if instead := own.pop(value.key, None):
            yield Value(f"{part}.{value.key}", instead.value, instead.source, True, value.value)
        else:
            yield Value(f"{part}.{value.key}", value.value, value.source)
    for value in own.values():
        yield Value(f"{part}.{value.key}", value.value, value.source, True)


def _leaves(
    place: Keys, content: Mapping[str, Any], found: dict[Keys, str], source: str
) -> Iterator[Value]:
    """The values at or below `place`; `source` is of those before which there is no comment."""
    for key, value in content.items():
        source = found.get((*place, key), source)
        if isinstance(value, Mapping) and value:
            for each in _leaves((*place, key), value, found, source):
                yield Value(f"{key}.{each.key}", each.value, each.source)
        else:
            yield Value(key, value, source)
