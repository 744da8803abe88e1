"""Gaussian noise added to chosen weights of a model, the same on every machine, and taken away again without a trace.

A cell of a grid says which component, which third of the layers (pool), how strong (σ), which share of each weight slice
(γ) and which share of the layers (ρ). Layers ℓ = 0 … L−1 are the blocks that own the component, in execution order.

Every number drawn depends on (seed, repeat, address, part, flat index) and nothing else. For q, k and v the *part* is that
letter and the *address* is the module that owns the projection ("blocks.3.attn"), so a row slice of a fused
"blocks.3.attn.qkv.weight" and a separate "blocks.3.attn.q.weight" receive the same noise; any other weight has its
parameter's full name as address and no part. The flat index runs row by row within the slice.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor, nn

from signal_perception.errors import UserError
from signal_perception.models.taps import Weights
from signal_perception.seeding import generator

POOLS = ("all", "front", "middle", "rear")
ORDERS = ("random", "leading", "trailing", "even")
SCALES = ("absolute", "rel_std", "rel_max", "rel_fro")
MASKS = ("exact", "bernoulli")


@dataclass(frozen=True)
class Cell:
    """One setting: σ in weight units (or relative, see `effective_sigma`), γ share of a slice, ρ share of the pool's layers."""

    component: str
    pool: str
    sigma: float
    gamma: float
    rho: float

    def __post_init__(self) -> None:
        _known("pool of layers", self.pool, POOLS)
        if not (self.sigma >= 0 and math.isfinite(self.sigma)):
            raise UserError(f"the noise has sigma = {self.sigma}: choose a finite standard deviation of 0 or more")
        for name, share in (("gamma", self.gamma), ("rho", self.rho)):
            if not 0 <= share <= 1:
                raise UserError(f"the noise has {name} = {share}: it is a share, so choose a number from 0 to 1")

    @property
    def clean(self) -> bool:
        """True where the cell changes nothing at all."""
        return 0 in (self.sigma, self.gamma, self.rho)


@dataclass(frozen=True)
class Draw:
    """The random part of one slice: `values` (m,) float32 ~ N(0, 1), and `score` (m,), low for elements that are disturbed first.

    The score is the rank 0 … m−1 for the exact mask and uniform in [0, 1) for the Bernoulli mask.
    """

    values: NDArray[np.float32]
    score: NDArray


@dataclass(frozen=True)
class Disturbance:
    """What a cell did to the model: the blocks it chose, in execution order, and the SHA-256 of ΔW over all slices."""

    blocks: tuple[int, ...]
    sha256: str


def pool_layers(layers: int, pool: str) -> range:
    """The layers of a pool out of `layers`: all of them, or one third, ⌊jL/3⌋ … ⌊(j+1)L/3⌋ − 1 for j = 0 front, 1 middle, 2 rear."""
    _known("pool of layers", pool, POOLS)
    if pool == "all":
        return range(layers)
    if layers < 3:
        raise UserError(
            f"the '{pool}' third was asked of {layers} layers: thirds need at least 3, so choose the pool 'all'"
        )
    third = POOLS.index(pool) - 1
    return range(third * layers // 3, (third + 1) * layers // 3)


def chosen_layers(layers: int, pool: str, rho: float, *, order: str, seed: int, repeat: int) -> tuple[int, ...]:
    """The ⌊ρP+½⌋ layers (at least 1 if ρ > 0) out of the pool's P that are disturbed, ascending.

    `random` takes the first of one permutation of the pool, so larger ρ keeps the layers of smaller ρ; the permutation depends
    on seed, repeat, pool and P but not on the component, which compares q, k and v in the same layers. `leading` and
    `trailing` take the first or last of the pool; `even` spreads them evenly, and alone is not nested in ρ.
    """
    _known("order of layers", order, ORDERS)
    candidates = pool_layers(layers, pool)
    size = len(candidates)
    count = max(math.floor(rho * size + 0.5), 1) if rho > 0 else 0
    places = {
        "random": generator(seed, "noise", "layers", repeat, pool, size).permutation(size)[:count],
        "leading": range(count),
        "trailing": range(size - count, size),
        "even": [(2 * i + 1) * size // (2 * count) for i in range(count)],
    }[order]
    return tuple(sorted(candidates[int(place)] for place in places))


def address(weights: Weights) -> tuple[str, str]:
    """Name by which a slice's noise is drawn: (address, part), equal for fused and separate q, k and v (see the module's text)."""
    part = weights.component.rpartition(".")[2]
    if part not in ("q", "k", "v"):
        return weights.parameter, ""
    return weights.parameter.removesuffix(".weight").rpartition(".")[0], part


def draw(size: int, *, seed: int, repeat: int, address: str, part: str, mask: str = "exact") -> Draw:
    """The draw of a slice of `size` elements; raw Philox bits → u = (bits ≫ 11)·2⁻⁵³ → Z = Φ⁻¹(u + 2⁻⁵⁴) in float64 → float32."""
    _known("mask", mask, MASKS)
    names = (repeat, address, part)
    below_one = np.nextafter(1.0, 0.0)  # u + 2⁻⁵⁴ rounds to 1, whose Φ⁻¹ is infinite, for the single largest u
    values = ndtri(np.minimum(_uniform(size, seed, "values", *names) + 2.0**-54, below_one)).astype(np.float32)
    score = _uniform(size, seed, "mask", *names)
    if mask == "exact":
        rank = np.empty(size, np.int64)
        rank[np.argsort(score, kind="stable")] = np.arange(size)
        score = rank
    return Draw(values, score)


def change(draw: Draw, sigma: float, gamma: float) -> NDArray[np.float32]:
    """ΔW (m,) = σ·mask⊙Z in float32; the exact mask holds the ⌊γm+½⌋ elements of lowest rank, both masks are nested in γ."""
    exact = np.issubdtype(draw.score.dtype, np.integer)
    limit = math.floor(gamma * len(draw.values) + 0.5) if exact else gamma
    return np.where(draw.score < limit, np.float32(sigma) * draw.values, np.float32(0))


def effective_sigma(weight: Tensor, sigma: float, scale: str) -> float:
    """σ in weight units: absolute σ; rel_std σ·std(W); rel_max σ·max|W|; rel_fro σ·‖W‖_F/√m, so that E‖ΔW‖² = σ²γ‖W‖²."""
    _known("scale of the noise", scale, SCALES)
    if scale == "absolute":
        return sigma
    w = _numbers(weight)
    return sigma * float(
        {"rel_std": w.std, "rel_max": np.abs(w).max, "rel_fro": lambda: np.sqrt(np.square(w).mean())}[scale]()
    )


class Disturber:
    """A model whose weights can be disturbed cell by cell; the clean weights are kept from the moment this is made.

    Parameters
    ----------
    model: any module; what it computes in between is no concern of this class, but nobody else may change its weights.
    weights: component → slices in execution order (`models.components`).
    seed: the seed of all draws.
    scale: one of SCALES. mask: one of MASKS. order: one of ORDERS.

    The draws of one repeat stay in memory (12 bytes per disturbed element) until a cell of another repeat is asked for, so going
    through all cells of one repeat before the next is quickest. Under autocast, enter `disturbed` first: autocast caches cast weights.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, Sequence[Weights]],
        *,
        seed: int,
        scale: str = "absolute",
        mask: str = "exact",
        order: str = "random",
    ):
        _known("scale of the noise", scale, SCALES)
        _known("mask", mask, MASKS)
        _known("order of layers", order, ORDERS)
        self._weights, self._seed, self._scale, self._mask, self._order = weights, seed, scale, mask, order
        self._parameters = dict(model.named_parameters())
        self._clean = {
            name: self._parameters[name].detach().clone()
            for name in dict.fromkeys(w.parameter for slices in weights.values() for w in slices)
        }
        self._repeat: int | None = None
        self._draws: dict[tuple[str, str], Draw] = {}
        self._active = False

    def blocks(self, cell: Cell, repeat: int) -> tuple[int, ...]:
        """The blocks that a cell disturbs in a repeat, in execution order: everything before the first of them computes as if clean."""
        blocks = list(dict.fromkeys(w.block for w in self._slices(cell.component)))
        places = chosen_layers(len(blocks), cell.pool, cell.rho, order=self._order, seed=self._seed, repeat=repeat)
        return () if cell.clean else tuple(blocks[place] for place in places)

    @contextmanager
    def disturbed(self, cell: Cell, repeat: int) -> Iterator[Disturbance]:
        """The model with the cell's noise in it; afterwards its weights are bit for bit the clean ones, whatever happens inside."""
        if self._active:
            raise RuntimeError("the model is disturbed already: leave one cell before entering the next")
        blocks = self.blocks(cell, repeat)
        slices = [w for w in self._slices(cell.component) if w.block in blocks]
        self._active = True
        try:
            yield Disturbance(blocks, self._add(cell, repeat, slices))
        finally:
            with torch.no_grad():
                for name in {w.parameter for w in slices}:
                    self._parameters[name].copy_(self._clean[name])
            self._active = False

    def energy(self, cell: Cell) -> float:
        """κ = σ√γ/rms(W): root of the expected energy of ΔW over that of W, over all slices of the pool (as if ρ were 1)."""
        slices = self._slices(cell.component)
        blocks = list(dict.fromkeys(w.block for w in slices))
        pool = {blocks[layer] for layer in pool_layers(len(blocks), cell.pool)}
        clean = [self._clean[w.parameter][w.start : w.stop] for w in slices if w.block in pool]
        noise = sum(effective_sigma(w, cell.sigma, self._scale) ** 2 * cell.gamma * w.numel() for w in clean)
        signal = sum(float(np.square(_numbers(w)).sum()) for w in clean)
        return math.sqrt(noise / signal) if signal else math.inf

    @torch.no_grad()
    def _add(self, cell: Cell, repeat: int, slices: Sequence[Weights]) -> str:
        """Add the noise to the clean weights in float32; the SHA-256 of every slice's name, shape and ΔW (little-endian float32)."""
        digest = hashlib.sha256()
        for w in slices:
            clean = self._clean[w.parameter][w.start : w.stop]
            noise = change(
                self._draw(w, clean.numel(), repeat), effective_sigma(clean, cell.sigma, self._scale), cell.gamma
            )
            digest.update("\x1f".join([*address(w), *map(str, clean.shape), ""]).encode())
            digest.update(noise.astype("<f4", copy=False).tobytes())
            noise = torch.from_numpy(noise).view(clean.shape).to(clean.device)
            noisy = (clean.float() + noise).to(clean.dtype)
            # where nothing is added, keep the very bits: −0 + 0 is +0, and float64 does not survive float32
            self._parameters[w.parameter][w.start : w.stop] = torch.where(noise == 0, clean, noisy)
        return digest.hexdigest()

    def _draw(self, w: Weights, size: int, repeat: int) -> Draw:
        if repeat != self._repeat:
            self._repeat, self._draws = repeat, {}
        key = address(w)
        if key not in self._draws:
            self._draws[key] = draw(size, seed=self._seed, repeat=repeat, address=key[0], part=key[1], mask=self._mask)
        return self._draws[key]

    def _slices(self, component: str) -> Sequence[Weights]:
        if not self._weights.get(component):
            existing = ", ".join(sorted(name for name, slices in self._weights.items() if slices))
            raise UserError(f"the model has no component '{component}' to disturb: choose one of {existing}")
        return self._weights[component]


def retention(accuracy: float, clean: float, chance: float) -> float:
    """Share of the accuracy above chance that is left: (A − chance)/(A_clean − chance); NaN for a clean model at chance."""
    return (accuracy - chance) / (clean - chance) if clean != chance else math.nan


def relative_robustness(accuracy: float, clean: float) -> float:
    """γʳ = 1 − (A_clean − A)/A_clean; NaN for a clean accuracy of 0."""
    return 1 - (clean - accuracy) / clean if clean else math.nan


def _uniform(size: int, seed: int, *names: str | int) -> NDArray[np.float64]:
    """Raw bits of a counter-based generator as multiples of 2⁻⁵³ in [0, 1): element i depends on the names and on i alone."""
    bits = generator(seed, "noise", *names).bit_generator.random_raw(size)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _numbers(weight: Tensor) -> NDArray[np.float64]:
    """A weight in float64 on the CPU, so that a scale comes out the same whatever device the model is on."""
    return weight.detach().cpu().double().numpy()


def _known(what: str, asked: str, existing: Sequence[str]) -> None:
    if asked not in existing:
        raise UserError(f"there is no {what} '{asked}': choose one of {', '.join(existing)}")
