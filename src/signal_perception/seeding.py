"""Random draws that depend on a seed and a name only, never on the order in which they are made.

Every draw in the project starts here: `generator(seed, "synthesise", class, index)` gives the same
stream on every machine, in every process and in any order.
"""

import hashlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator (Philox, counter-based) keyed by the seed and a path of names."""
    key = int.from_bytes(_digest(seed, names)[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def integer(seed: int, *names: str | int) -> int:
    """A 63-bit seed for libraries that keep a generator of their own, keyed like `generator`."""
    return int.from_bytes(_digest(seed, names)[16:24], "little") >> 1


def _digest(seed: int, names: tuple[str | int, ...]) -> bytes:
    # types are part of a name, so that 1 and "1" differ
    text = "\x1f".join([str(int(seed)), *(f"{type(name).__name__}:{name}" for name in names)])
    return hashlib.sha256(text.encode()).digest()
