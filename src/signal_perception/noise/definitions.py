"""Gaussian noise on weights, by definition: cells, layers, draws, scales (METHOD 4), in NumPy.

A cell of a grid says which component, which third of the layers (pool), how strong (σ), which
share of each weight slice (γ) and which share of the layers (ρ). Layers ℓ = 0 … L−1 are the blocks
that own the component, in execution order.

Every number drawn depends on (seed, repeat, address, part, flat index) and nothing else. For q, k
and v the *part* is that letter and the *address* is the module that owns the projection
("blocks.3.attn"), so a row slice of a fused "blocks.3.attn.qkv.weight" and a separate
"blocks.3.attn.q.weight" receive the same noise; any other weight has its parameter's full name as
address and no part. The flat index runs row by row within the slice.
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
ORDERS = ("random", "leading", "trailing", "even")
SCALES = ("absolute", "rel_std", "rel_max", "rel_fro")
MASKS = ("exact", "bernoulli")


@dataclass(frozen=True)
class Cell:
    """One setting of the noise.

    sigma: in weight units, or relative, see `effective_sigma`. gamma: share of a slice. rho: share
    of the pool's layers.
    """

    component: str
    pool: str
    sigma: float
    gamma: float
    rho: float

    def __post_init__(self) -> None:
        check_known("pool of layers", self.pool, POOLS)
        if not (self.sigma >= 0 and math.isfinite(self.sigma)):
            raise UserError(
                f"The noise has sigma = {self.sigma}; choose a finite standard deviation of 0 or "
                "more."
            )
        for name, share in (("gamma", self.gamma), ("rho", self.rho)):
            if not 0 <= share <= 1:
                raise UserError(
                    f"The noise has {name} = {share}; it is a share, so choose a number from 0 to "
                    "1."
                )

    @property
    def clean(self) -> bool:
        """True where the cell changes nothing at all."""
        return 0 in (self.sigma, self.gamma, self.rho)


@dataclass(frozen=True)
class Draw:
    """The random part of one slice of m elements.

    values: (m,) float32 ~ N(0, 1). score: (m,), low for elements that are disturbed first: the
    rank 0 … m−1 for the exact mask, uniform in [0, 1) for the Bernoulli mask.
    """

    values: NDArray[np.float32]
    score: NDArray


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
    layers: int, pool: str, rho: float, *, order: str, seed: int, repeat: int
) -> tuple[int, ...]:
    """The ⌊ρP+½⌋ layers (at least 1 if ρ > 0) of the pool's P that are disturbed, ascending.

    `random` takes the first of one permutation of the pool, so larger ρ keeps the layers of
    smaller ρ; the permutation depends on seed, repeat, pool and P but not on the component, which
    compares q, k and v in the same layers. `leading` and `trailing` take the first or last of the
    pool; `even` spreads them evenly, and alone is not nested in ρ.
    """
    check_known("order of layers", order, ORDERS)
    candidates = pool_layers(layers, pool)
    size = len(candidates)
    count = max(math.floor(rho * size + 0.5), 1) if rho > 0 else 0
    permutation = generator(seed, "noise", "layers", repeat, pool, size).permutation(size)
    places = {
        "random": permutation[:count],
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
    # u + 2⁻⁵⁴ rounds to 1, whose Φ⁻¹ is infinite, for the single largest u
    below_one = np.nextafter(1.0, 0.0)
    uniform = np.minimum(_uniform(size, seed, "values", *names) + 2.0**-54, below_one)
    values = ndtri(uniform).astype(np.float32)
    score = _uniform(size, seed, "mask", *names)
    if mask == "exact":
        rank = np.empty(size, np.int64)
        rank[np.argsort(score, kind="stable")] = np.arange(size)
        score = rank
    return Draw(values, score)


def change(draw: Draw, sigma: float, gamma: float) -> NDArray[np.float32]:
    """ΔW (m,) = σ·mask⊙Z in float32.

    The exact mask holds the ⌊γm+½⌋ elements of lowest rank; both masks are nested in γ.
    """
    exact = np.issubdtype(draw.score.dtype, np.integer)
    limit = math.floor(gamma * len(draw.values) + 0.5) if exact else gamma
    return np.where(draw.score < limit, np.float32(sigma) * draw.values, np.float32(0))


def effective_sigma(weight: NDArray[np.float64], sigma: float, scale: str) -> float:
    """σ in weight units.

    absolute σ; rel_std σ·std(W); rel_max σ·max|W|; rel_fro σ·‖W‖_F/√m, so that E‖ΔW‖² = σ²γ‖W‖².
    """
    check_known("scale of the noise", scale, SCALES)
    if scale == "absolute":
        return sigma
    size = {
        "rel_std": lambda: weight.std(),
        "rel_max": lambda: np.abs(weight).max(),
        "rel_fro": lambda: np.sqrt(np.square(weight).mean()),
    }[scale]()
    return sigma * float(size)


def retention(accuracy: float, clean: float, chance: float) -> float:
    """Share of the accuracy above chance that is left: (A − chance)/(A_clean − chance).

    NaN for a clean model at chance.
    """
    return (accuracy - chance) / (clean - chance) if clean != chance else math.nan


def relative_robustness(accuracy: float, clean: float) -> float:
    """γʳ = 1 − (A_clean − A)/A_clean; NaN for a clean accuracy of 0."""
    return 1 - (clean - accuracy) / clean if clean else math.nan


def check_known(what: str, asked: str, existing: Sequence[str]) -> None:
    """UserError where `asked` is none of `existing`."""
    if asked not in existing:
        raise UserError(f"There is no {what} '{asked}'; choose one of {', '.join(existing)}.")


def _uniform(size: int, seed: int, *names: str | int) -> NDArray[np.float64]:
    """Raw bits of a counter-based generator as multiples of 2⁻⁵³ in [0, 1).

    Element i depends on the names and on i alone.
    """
    bits = generator(seed, "noise", *names).bit_generator.random_raw(size)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
