"""What a model's entry has for one data set alone: the key `on` of its parts.

    input:
      stride: 4
      on:
        hmdb51:
          stride: 2

The keys below the data set's name replace those of the part; what is not named stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any

ON = "on"
# Parts of an entry that may have overrides.
PARTS = ("input", "protocol", "recipe")


def resolved(entry: Mapping[str, Any], dataset: str | None) -> dict[str, Any]:
    """An entry as a data set has it, without `on`; of no data set, as most have it."""
    return {
        name: part_on(part, dataset) if name in PARTS and isinstance(part, Mapping) else part
        for name, part in entry.items()
    }


def part_on(part: Mapping[str, Any], dataset: str | None) -> dict[str, Any]:
    """A part of an entry as a data set has it, without `on`."""
    own = {key: value for key, value in part.items() if key != ON}
    others = part.get(ON)
    mine = others.get(dataset) if isinstance(others, Mapping) else None
    return {**own, **mine} if isinstance(mine, Mapping) else own


def overrides(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parts of an entry that have a key `on`, and its value."""
    for name in PARTS:
        part = entry.get(name)
        if isinstance(part, Mapping) and ON in part:
            yield name, part[ON]
