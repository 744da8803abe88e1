"""Noise added to what taps hear, while a model runs on: the target beside its weights.

A layer is a block that has taps of the cell's kind. At each such tap of a chosen block the patches
of every clip get σ·mask⊙Z, one tensor (t h w c) for all clips; other tokens get nothing. It is
drawn by seed, repeat and the tap's name.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from signal_perception.models.core.state import State, Tokens
from signal_perception.models.core.taps import Tap, canonical
from signal_perception.noise.definitions import ORDERS, SCALES, Cell, check_known
from signal_perception.noise.draws import Draws
from signal_perception.noise.perturbation import (
    Disturbance,
    chosen_blocks,
    little_endian,
    owned,
    pool_of,
)


class ActivationDisturber:
    """A model whose activations can be disturbed cell by cell, in any order.

    Parameters
    ----------
    model: any module. taps: kind → taps in execution order (`layers.tapped`).
    seed: of all draws. mask: one of MASKS. order: one of ORDERS.
    scale: one of SCALES. With every relative one σ is in units of the clip's own root mean square
        over the patches that the tap hears.
    """

    def __init__(
        self,
        model: nn.Module,
        taps: Mapping[str, Sequence[Tap]],
        *,
        seed: int,
        scale: str = "absolute",
        mask: str = "exact",
        order: str = "random",
    ):
        check_known("scale of the noise", scale, SCALES)
        check_known("order of layers", order, ORDERS)
        self._model, self._taps, self._seed = model, taps, seed
        self._relative, self._order = scale != "absolute", order
        self._draws = Draws(seed, mask)
        self._active = False

    def blocks(self, cell: Cell, repeat: int) -> tuple[int, ...]:
        """The blocks that a cell disturbs in a repeat, in execution order.

        Everything before the first of them computes as if clean.
        """
        return chosen_blocks(self._owned(cell), cell, self._order, self._seed, repeat)

    @contextmanager
    def disturbed(self, cell: Cell, repeat: int, *, hashed: bool = True) -> Iterator[Disturbance]:
        """The model with the cell's noise on its activations in every forward pass.

        Who listens inside (`taps.listen`) hears the noise too. The hooks are gone afterwards.

        hashed: whether the SHA-256 is wanted. It is known when the context is left, since the
        model's input decides how many numbers are drawn: over all taps that ran, in execution
        order, with name, shape and σ·mask⊙Z (little-endian float32, σ as the cell has it).
        """
        if self._active:
            raise RuntimeError("The model is disturbed already; leave one cell before the next.")
        blocks = self.blocks(cell, repeat)
        disturbance = Disturbance(blocks, "")
        hooks = [
            _Hook(tap, partial(self._noise, tap, cell, repeat), self._relative)
            for tap in self._owned(cell)
            if tap.block in blocks
        ]
        self._active = True
        try:
            with ExitStack() as handles:
                for hook in hooks:
                    hook.register(self._model, handles)
                yield disturbance
            if hashed:
                disturbance.sha256 = _sha256(hooks)
        finally:
            self._active = False

    def relative_amplitude(self, cell: Cell) -> float:
        """κ = σ√(γ·p/P) of a relative scale; NaN for absolute noise, where the data decide."""
        pool_of(self._owned(cell), cell)
        if not self._relative:
            return math.nan
        return cell.sigma * math.sqrt(cell.gamma * cell.layers / cell.pool_layers)

    def _noise(
        self, tap: Tap, cell: Cell, repeat: int, shape: torch.Size, where: torch.device
    ) -> Tensor:
        """σ·mask⊙Z of a tap that hears clips of this shape (t h w c), float32."""
        drawn = self._draws.of(math.prod(shape), repeat, tap.name, "", where)
        # x + −0 is x, bit for bit, also where x is −0
        return drawn.noise(cell.sigma, cell.gamma, outside=-0.0).view(shape)

    def _owned(self, cell: Cell) -> Sequence[Tap]:
        if cell.kind != "activations":
            raise ValueError(f"Noise of kind {cell.kind} is for a Disturber.")
        return owned(self._taps, cell.component, "kind of tap")


class _Hook:
    """What changes the output of one tap's module.

    noise: (t h w c) for each shape of clips that came by. draw: makes it for a shape and a device.
    """

    def __init__(
        self, tap: Tap, draw: Callable[[torch.Size, torch.device], Tensor], relative: bool
    ):
        self.tap, self.noise = tap, dict[torch.Size, Tensor]()
        self._draw, self._relative = draw, relative
        self._grid: tuple[int, ...] = ()

    def register(self, model: nn.Module, handles: ExitStack) -> None:
        """Listen to the model until the handles are closed."""
        sublayer, module = map(model.get_submodule, (self.tap.sublayer, self.tap.module))
        handles.enter_context(sublayer.register_forward_pre_hook(self._before))
        handles.enter_context(module.register_forward_hook(self._after))

    def _before(self, _module: nn.Module, args: tuple[State, ...]) -> None:
        state = args[0]
        self._grid = state.grid if isinstance(state, Tokens) else tuple(state.shape[2:])

    def _after(self, _module: nn.Module, _args: object, output: State) -> State:
        """A changed copy of the output, in its own dtype."""
        changed = (output.x if isinstance(output, Tokens) else output).clone()
        # a view: what is added to it stands in the copy
        heard = canonical(self.tap, changed, self._grid)
        with torch.no_grad():
            noise = self._of(heard)
        heard += noise
        return output._replace(x=changed) if isinstance(output, Tokens) else changed

    def _of(self, heard: Tensor) -> Tensor:
        """The noise for an activation (b t h w c): (t h w c), or (b t h w c) if relative."""
        shape = heard.shape[1:]
        if shape not in self.noise:
            self.noise[shape] = self._draw(shape, heard.device)
        return self.noise[shape] * _rms(heard) if self._relative else self.noise[shape]


def _rms(heard: Tensor) -> Tensor:
    """Root mean square of each clip (b t h w c), (b 1 1 1 1) float32.

    One clip after the other: a sum over a batch takes another order in a batch of another size.
    """
    norms = [torch.linalg.vector_norm(clip.reshape(-1), dtype=torch.float64) for clip in heard]
    rms = torch.stack(norms) / math.sqrt(heard[0].numel())
    return rms.float().view(-1, 1, 1, 1, 1)


def _sha256(hooks: Sequence[_Hook]) -> str:
    """Of the noise at all taps that ran; empty where none did."""
    digest, ran = hashlib.sha256(), False
    for hook in hooks:
        for shape, noise in sorted(hook.noise.items()):
            ran = True
            digest.update("\x1f".join([hook.tap.name, *map(str, shape), ""]).encode())
            # 0 outside the mask, as ΔW of weights has it
            digest.update(little_endian(noise + 0.0))
    return digest.hexdigest() if ran else ""
