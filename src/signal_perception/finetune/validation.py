"""Which training videos are kept out of training, to choose a recipe by: whole source groups."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator


@dataclass(frozen=True)
class Split:
    """Numbers of the videos to train on and of those to validate on, ascending."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


def split(
    labels: Sequence[int], groups: Sequence[str], share: float, *, seed: int, dataset: str
) -> Split:
    """Part the training videos: groups in random order, until their videos are `share` of all.

    A group stays in training where a class would have no other video there. UserError where too
    few groups can go.

    Parameters
    ----------
    labels, groups: of each video; videos of one group (a subject, a film) stay together.
    """
    numbers = range(len(labels))
    if not share:
        return Split(tuple(numbers), ())
    members: dict[str, list[int]] = {}
    for number, group in zip(numbers, groups, strict=True):
        members.setdefault(group, []).append(number)
    names = sorted(members)
    wanted, kept = round(share * len(labels)), Counter(labels)
    chosen: list[int] = []
    for place in generator(seed, "validation", dataset).permutation(len(names)).tolist():
        if len(chosen) >= wanted:
            break
        own = members[names[place]]
        lost = Counter(labels[number] for number in own)
        if all(kept[label] > count for label, count in lost.items()):
            kept -= lost
            chosen += own
    if not chosen or len(chosen) < wanted:
        raise UserError(
            f"recipe.validation is {share:g}, but of the {len(labels)} training videos of {dataset}"
            f", in {len(names)} source groups, only {len(chosen)} can be kept out with every class "
            "left in training; choose a smaller share, or 0."
        )
    out = set(chosen)
    rest = np.array([number for number in numbers if number not in out])
    return Split(tuple(rest.tolist()), tuple(sorted(chosen)))
