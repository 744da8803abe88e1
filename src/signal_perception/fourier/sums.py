"""The three means of every transform (`definitions`), summed over a clip in torch.

Shapes: n clips, t times, h height, w width, p = (h w) places, s series, c channels, k bins.

Float32 throughout, sums of pieces in float64. Each transform is a product with a small matrix of
cosines and sines. A piece of a clip is read once, as its first time and the differences from it, so
that what stands still has no amplitude but in bin 0, exactly; then its maps lose their mean, so
that a large one costs no digits. Values that are not finite give NaN or infinity.

On a CPU the last bits depend on a clip and on the number n alone, not on its place, on the clips
beside it or on how they lie in memory: whoever keeps n (`inference.batch`) repeats them to the bit.
On a GPU nothing waits for the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from signal_perception.fourier.definitions import diagonal

# Values of a piece. On a CPU that is 4 MB, which stay in the cache; on a GPU a piece and what is
# made of it take four times its 16 MB.
_VALUES_CPU = 1 << 20
_VALUES_GPU = 1 << 22
# Series per product in time on a CPU: with 8 tokens 1 MB.
_SERIES = 1 << 15
# Channels below which the maps are turned before they are multiplied: a narrow product is slow.
_NARROW = 16


class Epsilons(NamedTuple):
    """What keeps the logarithm of a zero amplitude finite, by transform; above 0."""

    temporal: float
    spatial: float
    spatiotemporal: float


@torch.no_grad()
def means(x: torch.Tensor, epsilons: Epsilons) -> dict[str, torch.Tensor]:
    """The three means of clips (n t h w c): ln(A+ε), A and A², float64 on their device.

    temporal (n 3 k) over (h, w, c), spatial (n 3 k) over (t, c), spatiotemporal (n 3 k) over c; and
    dead (n,), the share of the series (h, w, c) that are zero at every time.

    x: of any strides; other types than float32 are cast to it.
    """
    _check(x, epsilons)
    with torch.autocast(x.device.type, enabled=False):
        parts = [_clips(part, epsilons) for part in x.split(_clips_at_once(x))]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


@torch.no_grad()
def temporal_means(x: torch.Tensor, epsilon: float) -> torch.Tensor:
    """`means` of the temporal transform alone, to the bit: (n t h w c) → (n 3 k)."""
    _check(x, Epsilons(epsilon, epsilon, epsilon))
    _, t, h, w, c = x.shape
    tables = _tables(t, h, w, x.device)
    found = []
    with torch.autocast(x.device.type, enabled=False):
        for part in x.split(_clips_at_once(x)):
            each = [_temporal(piece, tables, epsilon)[0] for piece in _pieces(part)]
            found.append(torch.stack(each).sum(0) / (h * w * c))
    return torch.cat(found)


def powers(x: torch.Tensor) -> torch.Tensor:
    """Mean A² over bins, places and channels of each clip: (n t h w c) → (n transforms), float64.

    In the order of `TRANSFORMS`, for `definitions.calibrated_epsilon`.
    """
    found = means(x, Epsilons(1, 1, 1))
    return torch.stack([found[name][:, 2].mean(-1) for name in Epsilons._fields], dim=1)


def peak(x: torch.Tensor) -> torch.Tensor:
    """Largest |x| of each clip, NaN where it holds one: (n …) → (n,), of the type of x."""
    inside = tuple(range(1, x.ndim))
    return torch.maximum(x.amax(inside).abs(), x.amin(inside).abs())


def _check(x: torch.Tensor, epsilons: Epsilons) -> None:
    if x.ndim != 5 or 0 in x.shape:
        raise ValueError(f"Activations have the shape {tuple(x.shape)}; give clips (n t h w c).")
    if not min(epsilons) > 0:
        raise ValueError(
            f"Not every epsilon of {tuple(epsilons)} is above 0, and a dead series has no "
            "logarithm without; give positive ones."
        )


@dataclass(frozen=True)
class _Tables:
    """Cosines and sines of maps (t h w) in float32.

    Parameters
    ----------
    time: (t t), rows cos of bins 0 … K, then sin of the bins between the first and the Nyquist bin.
        They multiply (x[0], x[1]−x[0], …): x[0] counts t times in bin 0 and not at all elsewhere.
    plane: (2 bins of the plane, p), cos then sin; the spatial bins without 0 stand first.
    spatial: how many these are.
    rows: (k,) the bins of the plane that belong to the spatiotemporal bins without 0.
    turn: (k 2 2t) from cos and sin of the plane at each time to real and imaginary parts.
    """

    time: torch.Tensor
    plane: torch.Tensor
    spatial: int
    rows: torch.Tensor
    turn: torch.Tensor


@lru_cache(maxsize=64)
def _tables(t: int, h: int, w: int, device: torch.device) -> _Tables:
    def tensor(table: NDArray) -> torch.Tensor:
        return torch.from_numpy(table).to(device)

    spatial = [tuple(bin) for bin in diagonal((h, w))[1:].tolist()]
    cube = diagonal((t, h, w))[1:].tolist()
    pairs = list(dict.fromkeys([*spatial, *((u, v) for _, u, v in cube)]))
    rows = np.array([pairs.index((u, v)) for _, u, v in cube], np.int64)
    return _Tables(
        time=tensor(_time(t)),
        plane=tensor(_plane(pairs, h, w)),
        spatial=len(spatial),
        rows=tensor(rows),
        turn=tensor(_turn([k for k, _, _ in cube], t)),
    )


def _time(t: int) -> NDArray[np.float32]:
    angles = _angles(np.arange(t // 2 + 1), t)
    table = np.concatenate([np.cos(angles), np.sin(angles[1 : (t + 1) // 2])])
    table[:, 0] = 0
    table[0, 0] = t
    return table.astype(np.float32)


def _plane(pairs: list[tuple[int, int]], h: int, w: int) -> NDArray[np.float32]:
    table = np.empty((2, len(pairs), h, w), np.float32)
    # one bin at a time: all of them are large for a map of pixels
    for row, (u, v) in enumerate(pairs):
        angles = _angles([u], h).T + _angles([v], w)
        table[0, row], table[1, row] = np.cos(angles), np.sin(angles)
    return table.reshape(-1, h * w)


def _turn(indices: list[int], t: int) -> NDArray[np.float32]:
    """exp(−iα)·(C − iS) = (cos α C − sin α S) − i (sin α C + cos α S), the first time left out."""
    angles = _angles(indices, t)
    cos, sin = np.cos(angles), np.sin(angles)
    cos[:, 0] = sin[:, 0] = 0
    real, imaginary = np.concatenate([cos, -sin], axis=1), np.concatenate([sin, cos], axis=1)
    return np.stack([real, imaginary], axis=1).astype(np.float32)


def _angles(indices: NDArray | list[int], size: int) -> NDArray[np.float64]:
    """2π·index·place/size: (indices, places)."""
    turns = np.outer(np.asarray(indices, np.int64), np.arange(size)) % size
    return 2 * np.pi * turns / size


def _clips_at_once(x: torch.Tensor) -> int:
    if x.device.type == "cpu" and x.shape[-1] < _NARROW:
        # the last bits of a narrow product depend on the place in it
        return 1
    return max(1, _values(x.device) // x[0].numel())


def _values(device: torch.device) -> int:
    return _VALUES_CPU if device.type == "cpu" else _VALUES_GPU


def _clips(x: torch.Tensor, epsilons: Epsilons) -> dict[str, torch.Tensor]:
    """`means` of clips that are taken at once, in pieces of their channels."""
    _, t, h, w, c = x.shape
    tables = _tables(t, h, w, x.device)
    sums: dict[str, torch.Tensor] = {}
    for piece in _pieces(x):
        for name, part in _sums(piece, tables, epsilons).items():
            sums[name] = sums[name] + part if name in sums else part
    places = {"temporal": h * w * c, "spatial": t * c, "spatiotemporal": c, "dead": h * w * c}
    return {name: total / places[name] for name, total in sums.items()}


def _pieces(x: torch.Tensor) -> Iterator[torch.Tensor]:
    """Pieces (t n p c) of clips, contiguous float32: the first time, then differences from it."""
    n, t, h, w, _ = x.shape
    for part in x.split(max(1, _values(x.device) // (n * t * h * w)), dim=-1):
        piece = torch.empty((t, n, h, w, part.shape[-1]), dtype=torch.float32, device=x.device)
        piece.copy_(part.transpose(0, 1))
        piece[1:] -= piece[:1]
        yield piece.flatten(2, 3)


def _sums(z: torch.Tensor, tables: _Tables, epsilons: Epsilons) -> dict[str, torch.Tensor]:
    """Sums over the places and channels of a piece (t n p c), which is used up."""
    temporal, dead = _temporal(z, tables, epsilons.temporal)
    total = z.sum(2)
    z -= (total / z.shape[2])[:, :, None]
    # from differences to Σ of the map at every time
    total[1:] += total[:1]
    planes = _planes(z, tables.plane)
    spatiotemporal = _spatiotemporal(planes, total, tables, epsilons.spatiotemporal)
    spatial = _spatial(planes, total, tables, epsilons.spatial)
    return {
        "temporal": temporal,
        "spatial": spatial,
        "spatiotemporal": spatiotemporal,
        "dead": dead,
    }


def _temporal(
    z: torch.Tensor, tables: _Tables, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums (n 3 k) over all series of a piece, and how many of these are dead (n,)."""
    t, n = z.shape[:2]
    bins, places = t // 2 + 1, z[0, 0].numel()
    sums, dead = [], []
    for series in z.flatten(2).split(_SERIES if z.device.type == "cpu" else places, dim=2):
        power = (tables.time @ series.reshape(t, -1)).square_().view(t, n, -1)
        power[1 : 1 + t - bins] += power[bins:]
        sums.append(_three(power[:bins].transpose(0, 1), epsilon))
        dead.append(((series.amax(0) == 0) & (series.amin(0) == 0)).sum(-1))
    return torch.stack(sums).sum(0), torch.stack(dead).sum(0).double()


def _planes(z: torch.Tensor, plane: torch.Tensor) -> torch.Tensor:
    """Cosine and sine sums over the places: (t n p c) → (t n 2 bins c)."""
    t, n, p, c = z.shape
    if c >= _NARROW:
        found = plane @ z
    else:
        turned = z.transpose(2, 3).reshape(-1, p) @ plane.T
        found = turned.view(t, n, c, len(plane)).transpose(2, 3)
    return found.reshape(t, n, 2, len(plane) // 2, c)


def _spatial(
    planes: torch.Tensor, total: torch.Tensor, tables: _Tables, epsilon: float
) -> torch.Tensor:
    """Sums (n 3 k) over (t, c) from those over the places, which become those of x itself."""
    planes[1:] += planes[:1]
    power = planes[:, :, :, : tables.spatial].square().sum(2)
    power = torch.cat([total.square()[:, :, None], power], dim=2)
    return _three(power.permute(1, 2, 0, 3), epsilon)


def _spatiotemporal(
    planes: torch.Tensor, total: torch.Tensor, tables: _Tables, epsilon: float
) -> torch.Tensor:
    """Sums (n 3 k) over c from the sums over the places, differences but for the first time."""
    t, n, _, _, c = planes.shape
    # (k, cos and sin at each time, n c)
    chosen = planes.index_select(3, tables.rows).permute(3, 2, 0, 1, 4)
    product = tables.turn @ chosen.reshape(len(tables.rows), 2 * t, n * c)
    power = product.square().sum(1).view(len(tables.rows), n, c)
    power = torch.cat([total.sum(0).square()[None], power])
    return _three(power.transpose(0, 1), epsilon)


def _three(power: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Sums of ln(A+ε), A and A² over all but the first two axes: (n k …) → (n 3 k), float64."""
    places = tuple(range(2, power.ndim))
    amplitude = power.sqrt()
    linear, squares = amplitude.sum(places), power.sum(places)
    logarithms = amplitude.add_(epsilon).log_().sum(places)
    return torch.stack([logarithms, linear, squares], dim=1).double()
