"""What is odd about the classes of a data set, found in their names, and said before it misleads.

Each oddity is a sentence, so that a stage and the report say it alike.
"""

import re
from collections.abc import Sequence

# What a mirrored picture turns into one another. In words that are written as one ("turnleft") too:
# that "bright" holds "right" does no harm, since there is no class "bleft".
_MIRRORED = {
    "left": "right",
    "right": "left",
    "anticlockwise": "clockwise",
    "clockwise": "anticlockwise",
}
# Letters that stand for such a word where they stand alone.
_LETTERS = {"l": "left", "r": "right", "cw": "clockwise", "ccw": "anticlockwise"}
_WORD = re.compile("anticlockwise|clockwise|left|right")
# Parts of a name: "turnLeft_2" has turn, Left, 2.
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
# Pairs of classes that a sentence names.
_NAMED = 3


def mirrored(classes: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of classes whose names mirror each other, e.g. "turn_left" and "turn_right"."""
    found = {_plain(name): name for name in classes}
    pairs = []
    for plain, name in found.items():
        other = found.get(_WORD.sub(lambda word: _MIRRORED[word[0]], plain))
        if other is not None and name < other:
            pairs.append((name, other))
    return sorted(pairs)


def said_of_mirrored(dataset: str, pairs: Sequence[tuple[str, str]]) -> str:
    """What training with `datasets.<name>.flip: true` does to `mirrored` classes."""
    named = [f"{one} and {other}" for one, other in pairs[:_NAMED]]
    if len(pairs) > _NAMED:
        named.append(f"{len(pairs) - _NAMED} more pairs")
    return (
        f"Classes of {dataset} mirror each other ({'; '.join(named)}), and datasets.{dataset}.flip "
        "is true: a mirrored training clip of the one looks like the other; set it to false."
    )


def said_of_one_class(dataset: str, classes: Sequence[str]) -> str:
    """What accuracy means where there is but one class."""
    return (
        f"{dataset} has one class alone ({classes[0]}): every video is right whatever the model "
        "does, so accuracy says nothing; add videos of another class."
    )


def _plain(name: str) -> str:
    """A name in small letters, one word for one thing, with nothing between its parts."""
    parts: list[str] = [part.lower() for part in _PARTS.findall(name)]
    joined = "".join(_LETTERS.get(part, part) for part in parts)
    return joined.replace("counterclockwise", "anticlockwise")
