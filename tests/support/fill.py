"""Weights and clips that anyone can compute again from a name alone, without a random generator.

The reference outputs in tests/expected were computed with these very numbers. Everything rests on
one 64-bit mixing function (the finaliser of SplitMix64). With G = ⌊2⁶⁴/φ⌋ odd, all modulo 2⁶⁴,

    base(name) = mix(crc32(name) + G)
    h(name, j) = mix(base(name) + (j+1)·G)
    u(name, j) = ((h ≫ 40) + ½)/2²³ − 1 in (−1, 1)

A value is offset + scale·u in float64, rounded once to float32.
"""

import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

_G = 0x9E3779B97F4A7C15
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
_TABLES = (
    "cls_token",
    "pos_embed",
    "time_embed",
    "class_embedding",
    "positional_embedding",
    "temporal_cls_token",
)


def base(name: str) -> int:
    """Where the stream of a name begins."""
    return int(_mixed(np.array([zlib.crc32(name.encode())], np.uint64) + np.uint64(_G))[0])


def hashes(name: str, positions: Iterable[int] | np.ndarray) -> np.ndarray:
    """h(name, j) at the given positions j, uint64."""
    ordinal = np.asarray(positions).astype(np.uint64) + np.uint64(1)
    return _mixed(ordinal * np.uint64(_G) + np.uint64(base(name)))


def uniform(name: str, positions: Iterable[int] | np.ndarray) -> np.ndarray:
    """u(name, j) at the given positions j, float64."""
    return ((hashes(name, positions) >> np.uint64(40)).astype(np.float64) + 0.5) / 2.0**23 - 1.0


def tensor(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Value of a state-dict entry, by the authors' key and shape.

    Swin's relative_position_index has no such value.
    """
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    scale, offset = _scale_offset(key, leaf, shape)
    flat = np.empty(math.prod(shape), np.float32)
    # in parts, which bounds the float64 temporaries
    for start in range(0, flat.size, 1 << 20):
        stop = min(start + (1 << 20), flat.size)
        flat[start:stop] = offset + scale * uniform(key, np.arange(start, stop))
    return flat.reshape(shape)


def clips(
    tags: Iterable[str], frames: int, height: int, width: int, channels: int = 3
) -> np.ndarray:
    """Clips (b c t h w).

    Each value is 0.8·u of its channel + 0.8·u of its 4 × 16 × 16 cell + 0.6·u of its own.
    """
    c, t, h, w = np.indices((channels, frames, height, width), sparse=True)
    cell = (c * -(-frames // 4) + t // 4) * -(-height // 16) + h // 16
    cell = cell * -(-width // 16) + w // 16
    own = np.arange(channels * frames * height * width).reshape(channels, frames, height, width)
    values = [
        (0.8 * uniform(f"clip/{tag}/global", c) + 0.8 * uniform(f"clip/{tag}/coarse", cell))
        + 0.6 * uniform(f"clip/{tag}/fine", own)
        for tag in tags
    ]
    return np.stack(values).astype(np.float32)


def probes(name: str, size: int, count: int) -> np.ndarray:
    """Flat positions at which a tensor of `size` values is looked at."""
    return (hashes(f"probe/{name}", np.arange(count)) % np.uint64(size)).astype(np.int64)


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over key and little-endian bytes, in the order of the keys."""
    total = hashlib.sha256()
    for key in sorted(arrays):
        total.update(key.encode())
        little_endian = arrays[key].dtype.newbyteorder("<")
        total.update(np.ascontiguousarray(arrays[key], little_endian).tobytes())
    return total.hexdigest()


def _mixed(z: np.ndarray) -> np.ndarray:
    for shift, factor in _STEPS:
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z


def _scale_offset(key: str, leaf: str, shape: tuple[int, ...]) -> tuple[float, float]:
    by_leaf = {
        "running_mean": (0.1, 0.0),
        "running_var": (0.5, 1.0),
        "relative_position_bias_table": (1.0, 0.0),
        "balance": (1.0, 0.0),
        "gamma_1": (0.1, 0.5),
        "gamma_2": (0.1, 0.5),
        **dict.fromkeys(_TABLES, (0.5, 0.0)),
    }
    if leaf in by_leaf:
        return by_leaf[leaf]
    if len(shape) < 2:
        return (0.1, 1.0) if leaf == "weight" else (0.1, 0.0)
    fan_in = math.prod(shape) // shape[0]
    if key.endswith("conv3d.weight"):
        return math.sqrt(6.0 / fan_in), 0.0
    depthwise = len(shape) >= 4 and shape[1] == 1
    return (0.5 if depthwise else 1.0) * math.sqrt(3.0 / fan_in), 0.0
