"""The words of a noise stage, for tests and benchmarks that change those they are about."""

from collections.abc import Mapping
from typing import Any

from signal_perception.noise.settings import Noise

NOISE: dict[str, Any] = {
    "repeats": 2,
    "scale": "absolute",
    "mask": "exact",
    "order": "random",
    "bootstrap": 100,
    "precision": None,
    "worst_case": False,
    "views": "all",
    "listen": [],
    "gamma": [0.5],
}


def noise(grids: Mapping[str, Mapping[str, Any]], **changed: Any) -> Noise:
    """What a stage with these grids is told."""
    return Noise.model_validate(NOISE | {"grids": grids} | changed)
