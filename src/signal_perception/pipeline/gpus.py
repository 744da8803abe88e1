"""Which GPUs a lane sees, of those that this process may use."""

import os
from collections.abc import Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible(count: int) -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls the GPUs at hand, of which CUDA finds `count`.

    Their numbers, or the entries of that variable where the user or a queue set it: "2,3", UUIDs.
    """
    named = os.environ.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(count)]
    # CUDA shows the entries before the first that is no GPU
    return [name.strip() for name in named.split(",")][:count]


def of_lane(gpus: Sequence[str], lane: int, each: int = 1) -> list[str]:
    """The GPUs of lane number `lane`, `each` of them; more lanes than GPUs share."""
    groups = max(1, len(gpus) // each)
    first = lane % groups * each
    return list(gpus[first : first + each])
