"""Videos drawn for activations and for calibration: as many of each class, by the seed."""

from collections.abc import Sequence

from signal_perception.seeding import generator


def balanced(
    labels: Sequence[str], ids: Sequence[str], count: int, seed: int, what: str
) -> list[int]:
    """`count` videos, class after class in turn, all where there are fewer; sorted numbers.

    what: the draw is for. It depends on the ids within a class, not on their order.
    """
    lines = [iter(_drawn(labels, ids, label, seed, what)) for label in sorted(set(labels), key=str)]
    found: list[int] = []
    while lines and len(found) < count:
        for line in list(lines):
            number = next(line, None)
            if number is None:
                lines.remove(line)
            elif len(found) < count:
                found.append(number)
    return sorted(found)


def of_each_class(
    labels: Sequence[str], ids: Sequence[str], per_class: int | None, seed: int, what: str
) -> list[int]:
    """The first `per_class` drawn videos of every class, all for None; sorted numbers."""
    if per_class is None:
        return list(range(len(labels)))
    drawn = (_drawn(labels, ids, label, seed, what)[:per_class] for label in sorted(set(labels)))
    return sorted(number for each in drawn for number in each)


def _drawn(
    labels: Sequence[str], ids: Sequence[str], label: str, seed: int, what: str
) -> list[int]:
    """The videos of a class in random order."""
    members = [number for number, each in enumerate(labels) if each == label]
    members.sort(key=lambda number: ids[number])
    order = generator(seed, what, label).permutation(len(members))
    return [members[place] for place in order]
