"""Gaussian noise on weights, by definition: cells, layers, draws, scales (METHOD 4), in NumPy.

A cell of a grid says which component, which third of the layers (pool), how strong (σ), which
share of each weight slice (γ) and which share of the layers (ρ). Layers ℓ = 0 … L−1 are the blocks
that own the component, in execution order.

Every number drawn depends on (seed, repeat, address, part, flat index) and nothing else. For q, k
and v the *part* is that letter and the *address* is the module that owns the projection
("blocks.3.attn"), so a row slice of a fused "blocks.3.attn.qkv.weight" and a separate
"blocks.3.attn.q.weight" receive the same noise; any other weight has its parameter's full name as
address and no part, an activation its tap's name. The flat index runs row by row within the slice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator

POOLS = ("all", "front", "middle", "rear")
THIRDS = POOLS[1:]
ORDERS = ("random", "leading", "trailing", "even")
SCALES = ("absolute", "rel_std", "rel_max", "rel_fro")
MASKS = ("exact", "bernoulli")
# weights: Gaussian noise on weights. activations: Gaussian noise on what taps of a kind hear.
# gradient: weights moved up the loss by as much energy as the noise of the same cell has.
KINDS = ("weights", "activations", "gradient")
# of a score of the Bernoulli mask
_CHANCES = 2**30


@dataclass(frozen=True)
class Cell:
    """One setting of the noise.

    component: of weights; of kind `activations` a kind of tap ("mlp", "mlp.branch"). layers: how
    many of the pool's `pool_layers` are disturbed, so two ρ that choose as many are one cell.
    sigma: in units of the scale, see `unit`. gamma: share of a slice.
    """

    component: str
    pool: str
    layers: int
    pool_layers: int
    sigma: float
    gamma: float
    kind: str = "weights"

    def __post_init__(self) -> None:
        check_known("pool of layers", self.pool, POOLS)
        check_known("kind of noise", self.kind, KINDS)
        if not (self.sigma >= 0 and math.isfinite(self.sigma)):
            raise UserError(
                f"The noise has sigma = {self.sigma}; choose a finite standard deviation of 0 or "
                "more."
            )
        check_share("gamma", self.gamma)
        if not 0 <= self.layers <= self.pool_layers:
            raise ValueError(f"{self.layers} layers of {self.pool_layers} cannot be disturbed.")

    @property
    def clean(self) -> bool:
        """True where the cell changes nothing at all."""
        return 0 in (self.sigma, self.gamma, self.layers)

    @property
    def name(self) -> str:
        """Of a file about it; no other cell has it."""
        shares = f"sigma{self.sigma!r}-gamma{self.gamma!r}-layers{self.layers}of{self.pool_layers}"
        return f"{self.kind}-{self.component}-{self.pool}-{shares}"


def cell(
    component: str,
    layers: int,
    *,
    pool: str = "all",
    sigma: float,
    gamma: float,
    rho: float,
    kind: str = "weights",
) -> Cell:
    """The cell of a share ρ of a pool's layers; layers: how many blocks own the component."""
    size = len(pool_layers(layers, pool))
    return Cell(component, pool, count(rho, size), size, sigma, gamma, kind)


def count(rho: float, size: int) -> int:
    """p = ⌊ρP+½⌋ of a pool's P layers, at least 1 if ρ > 0."""
    check_share("rho", rho)
    return max(math.floor(rho * size + 0.5), 1) if rho > 0 else 0


@dataclass(frozen=True)
class Draw:
    """The random part of one slice of m elements.

    values: (m,) float32 ~ N(0, 1). score: (m,) int32, low for elements that are disturbed first:
    the rank 0 … m−1 for the exact mask, uniform in 0 … 2³⁰−1 for the Bernoulli mask.
    """

    values: NDArray[np.float32]
    score: NDArray[np.int32]


def pool_layers(layers: int, pool: str) -> range:
    """The layers of a pool out of `layers`: all of them, or one third.

    A third is ⌊jL/3⌋ … ⌊(j+1)L/3⌋ − 1 for j = 0 front, 1 middle, 2 rear.
    """
    check_known("pool of layers", pool, POOLS)
    if pool == "all":
        return range(layers)
    if layers < 3:
        raise UserError(
            f"The {pool} third was asked of {layers} layers, and thirds need at least 3; set the "
            "panels of the grids to parts, or disturb a component that has more layers."
        )
    third = POOLS.index(pool) - 1
    return range(third * layers // 3, (third + 1) * layers // 3)


def chosen_layers(
    layers: int, pool: str, count: int, *, order: str, seed: int, repeat: int
) -> tuple[int, ...]:
    """The `count` layers of the pool that are disturbed in a repeat, ascending.

    `random` takes the first of a rotation of one permutation of the pool's P places, another one in
    each repeat: more layers keep those of fewer, and P repeats disturb every layer equally often.
    The permutation depends on seed and P alone: q, k and v are compared in the same layers, and the
    thirds (of equal size) at the same places. `leading` and `trailing` take the first or last of
    the pool; `even` spreads them evenly, and alone is not nested.
    """
    check_known("order of layers", order, ORDERS)
    candidates = pool_layers(layers, pool)
    size = len(candidates)
    permutation = generator(seed, "noise", "layers", size).permutation(size)
    places = {
        "random": np.roll(permutation, -_rotation(repeat, size))[:count],
        "leading": range(count),
        "trailing": range(size - count, size),
        "even": [(2 * i + 1) * size // (2 * count) for i in range(count)],
    }[order]
    return tuple(sorted(candidates[int(place)] for place in places))


def address(parameter: str, component: str) -> tuple[str, str]:
    """Name by which a slice's noise is drawn: (address, part), see the module's text."""
    part = component.rpartition(".")[2]
    if part not in ("q", "k", "v"):
        return parameter, ""
    return parameter.removesuffix(".weight").rpartition(".")[0], part


def draw(
    size: int, *, seed: int, repeat: int, address: str, part: str, mask: str = "exact"
) -> Draw:
    """The draw of a slice of `size` elements.

    Raw Philox bits → u = (bits ≫ 11)·2⁻⁵³ → Z = Φ⁻¹(u + 2⁻⁵⁴) in float64 → float32.
    """
    check_known("mask", mask, MASKS)
    names = (repeat, address, part)
    uniform = (_bits(size, seed, "values", *names) >> np.uint64(11)).astype(np.float64)
    uniform *= 2.0**-53
    uniform += 2.0**-54
    # the single largest u rounds to 1, whose Φ⁻¹ is infinite
    np.minimum(uniform, np.nextafter(1.0, 0.0), out=uniform)
    values = ndtri(uniform, out=uniform).astype(np.float32)
    return Draw(values, _score(_bits(size, seed, "mask", *names), mask))


def reached(gamma: float, size: int, mask: str) -> int:
    """Elements of a slice of `size` with a score below this are disturbed: nested in γ.

    The exact mask holds the n = ⌊γm+½⌋ of lowest rank; the Bernoulli mask each with probability γ.
    """
    return math.floor(gamma * (size if mask == "exact" else _CHANCES) + 0.5)


@dataclass(frozen=True)
class Size:
    """How large the weights of one slice are.

    elements: m. energy: ‖W‖². unit: what σ = 1 is in weight units.
    """

    elements: int
    energy: float
    unit: float


def measure(weight: NDArray[np.float64], scale: str) -> Size:
    """The size of a slice."""
    energy = float(np.square(weight).sum())
    return Size(weight.size, energy, unit(weight, scale))


def unit(weight: NDArray[np.float64], scale: str) -> float:
    """What σ = 1 is in weight units.

    absolute 1; rel_std std(W); rel_max max|W|; rel_fro ‖W‖_F/√m, so that E‖ΔW‖² = σ²γ‖W‖².
    """
    check_known("scale of the noise", scale, SCALES)
    if scale == "rel_std":
        return float(weight.std())
    if scale == "rel_max":
        return float(np.abs(weight).max())
    return 1.0 if scale == "absolute" else float(np.sqrt(np.square(weight).mean()))


def relative_amplitude(cell: Cell, pool: Sequence[Size]) -> float:
    """κ = σ√(γ·p/P)/rms(W) over all slices of the cell's pool.

    The root of the expected energy of ΔW over that of W: a ratio of amplitudes. With a relative
    scale σ is each slice's own. Infinite where all weights are 0.
    """
    signal = sum(each.energy for each in pool)
    noise = sum((cell.sigma * each.unit) ** 2 * each.elements for each in pool)
    share = cell.gamma * cell.layers / cell.pool_layers
    return math.sqrt(share * noise / signal) if signal else math.inf


def relative_robustness(accuracy: float, clean: float) -> float:
    """γʳ = 1 − (A_clean − A)/A_clean; NaN for a clean accuracy of 0."""
    return 1 - (clean - accuracy) / clean if clean else math.nan


def check_share(name: str, share: float) -> None:
    """UserError where a share is none."""
    if not 0 <= share <= 1:
        raise UserError(
            f"The noise has {name} = {share}; it is a share, so choose a number from 0 to 1."
        )


def check_known(what: str, asked: str, existing: Sequence[str]) -> None:
    """UserError where `asked` is none of `existing`."""
    if asked not in existing:
        raise UserError(f"There is no {what} '{asked}'; choose one of {', '.join(existing)}.")


def _rotation(repeat: int, size: int) -> int:
    """By how many places the permutation is rotated in a repeat.

    `size` repeats have every rotation once, far from those before: halves, then quarters, …
    (van der Corput's order), so that a few repeats are nearly balanced too.
    """
    rotations: dict[int, None] = {}
    number = 0
    while len(rotations) < size:
        bits = f"{number:b}"[::-1]
        rotations[int(bits, 2) * size >> len(bits)] = None
        number += 1
    return list(rotations)[repeat % size]


def _score(bits: NDArray[np.uint64], mask: str) -> NDArray[np.int32]:
    if mask == "bernoulli":
        return (bits >> np.uint64(34)).astype(np.int32)
    # integers are sorted in three quarters of the time that the same numbers take as floats
    order = np.argsort(bits >> np.uint64(11), kind="stable")
    rank = np.empty(len(bits), np.int32)
    rank[order] = np.arange(len(bits), dtype=np.int32)
    return rank


def _bits(size: int, seed: int, *names: str | int) -> NDArray[np.uint64]:
    """Raw bits of a counter-based generator; element i depends on the names and on i alone."""
    return generator(seed, "noise", *names).bit_generator.random_raw(size)
