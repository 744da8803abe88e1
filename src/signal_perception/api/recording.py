"""What a model computes inside, and what becomes of it under noise."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from signal_perception.api.model import LoadedModel
from signal_perception.clips.transforms import normalise
from signal_perception.inference.device import arithmetic
from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap, capture
from signal_perception.noise import perturbation
from signal_perception.noise.perturbation import Disturbance
from signal_perception.pipeline.errors import UserError


@torch.inference_mode()
def record(
    model: LoadedModel, clip: NDArray[np.uint8] | torch.Tensor, taps: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The activations of clips at taps: name → float32 (b t h w c), in execution order.

    Patch tokens alone: class tokens are left out.

    Parameters
    ----------
    clip: uint8 (t s s c) or (b t s s c), frames and pixels as the model's input has them, e.g. of
        `read_clips`. taps: names, or kinds such as "mlp" for all of that kind on the stream; None:
        all on the stream (the command `taps` lists them).
    """
    batch = torch.as_tensor(clip)
    if batch.ndim == 4:
        batch = batch[None]
    asked = model.input
    expected = (asked.frames, asked.size, asked.size, 3)
    if batch.dtype != torch.uint8 or tuple(batch.shape[1:]) != expected:
        raise UserError(
            f"A clip of {model.name} is uint8 {expected}, with or without a first axis for several;"
            f" this one is {str(batch.dtype).removeprefix('torch.')} {tuple(batch.shape)}. "
            "read_clips makes clips of a video."
        )
    chosen = _chosen(model, taps)
    where = model.scorer.where
    images = normalise(batch.to(where), asked.mean, asked.std)
    with capture(model.network, chosen) as found, arithmetic(model.scorer.precision, where):
        model.network(images)
    return {tap.name: found[tap.name].cpu().numpy().copy() for tap in chosen}


@contextmanager
def perturbed(model: LoadedModel, component: str, **cell: Any) -> Iterator[Disturbance]:
    """A model with noise on its weights inside a `with`, bit for bit clean afterwards.

    with perturbed(model, "spatial_attn.v", pool="middle", sigma=0.2, gamma=0.45):
        record(model, clip)

    component: what the command `models` lists. cell: pool ("all", "front", "middle", "rear"),
    sigma (needed), gamma and rho (1), repeat and seed (0), scale ("absolute"), mask, order: as in
    params.yaml, see `noise.perturbation.perturbed`.
    """
    with perturbation.perturbed(model.network, component, **cell) as disturbance:
        yield disturbance


def _chosen(model: LoadedModel, names: Sequence[str] | None) -> list[Tap]:
    """The taps of these names and kinds, in execution order."""
    existing = registry.taps(model.name, model.network)
    stream = [tap for tap in existing if tap.side == "stream"]
    if names is None:
        return stream
    if isinstance(names, str):
        names = [names]
    kinds = list(dict.fromkeys(tap.kind for tap in stream))
    known = {*kinds, *(tap.name for tap in existing)}
    if unknown := [name for name in names if name not in known]:
        raise UserError(
            f"{model.name} has no tap {unknown[0]!r}; its kinds are {', '.join(kinds)}, and "
            f"`signal-perception taps {model.name}` lists the names, such as {stream[0].name}."
        )
    return [
        tap for tap in existing if tap.name in names or (tap.side == "stream" and tap.kind in names)
    ]
