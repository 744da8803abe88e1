"""Lists and numbers of things inside sentences."""

from collections.abc import Iterable, Sized


def listed(names: Iterable[str]) -> str:
    """For example "A, B and C"."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def both(things: Sized, one: str = "is", several: str = "are") -> str:
    """The verb for so many things."""
    return one if len(things) == 1 else several
