"""Random views of training clips: which part of the picture, and what is done to it.

Whole clips: what is drawn is drawn once, so all frames of a clip are treated alike. The operations
are torchvision's and timm's. These draw from global generators, which are seeded from the given one
and left as they were found. What an operation draws depends on no other operation being on.

In the authors' order: RandAugment on the whole picture, crop, mirror image, colour jitter, erasing.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image

from signal_perception.pipeline import torchvision_shim  # noqa: F401 — before torchvision and timm

# isort: split
from timm.data.auto_augment import RandAugment, rand_augment_transform
from torchvision.transforms import RandomErasing, RandomResizedCrop, v2

from signal_perception.clips.sampling import train_crop
from signal_perception.clips.transforms import resize
from signal_perception.pipeline.errors import UserError

# Share of the picture and aspect of the erased box, of timm and of all authors who erase.
_ERASED_AREA = (0.02, 1 / 3)
_ERASED_ASPECT = (0.3, 1 / 0.3)


@dataclass(frozen=True)
class Augment:
    """How training clips are varied; all but the crop is off by default.

    Parameters
    ----------
    crop_area, crop_aspect: with an aspect (width/height, from and to), torchvision's
        RandomResizedCrop, a share of the whole picture; without, a square, see
        `sampling.train_crop`.
    flip: mirror half of the clips.
    randaugment: timm's text, e.g. "rand-m7-n4-mstd0.5-inc1"; bicubic, grey where nothing is.
    colour_jitter: largest change of brightness, contrast and saturation.
    erasing: probability that a box of 2 to 33 % of the view becomes noise.
    mean, std: of the pixels per channel, on 0..1; the noise has them, so that it is standard normal
        in what the model sees, as far as pixels go (0 to 255). Nothing but erasing needs them.
    """

    crop_area: tuple[float, float]
    crop_aspect: tuple[float, float] | None = None
    flip: bool = False
    randaugment: str | None = None
    colour_jitter: float = 0.0
    erasing: float = 0.0
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.erasing and (self.mean is None or self.std is None):
            raise UserError(
                f"erasing is {self.erasing}, and its noise needs the mean and std of the pixels; "
                "give both, or no erasing."
            )


def train_view(
    clip: np.ndarray, size: int, augment: Augment, rng: np.random.Generator
) -> torch.Tensor:
    """A random view of a clip, of `size` × `size` pixels: uint8 (t h w c) → uint8 (t s s c)."""
    top, left, height, width = _crop(clip.shape[1], clip.shape[2], augment, rng)
    # drawn in any case, so that `flip` changes no other draw
    mirrored = rng.uniform() < 0.5
    if not (augment.randaugment or augment.colour_jitter or augment.erasing):
        return _view(clip, (top, left, height, width), size, augment.flip and mirrored)
    operations, colours, box = (int(seed) for seed in rng.integers(2**63, size=3))
    if augment.randaugment:
        clip = _randaugmented(clip, augment.randaugment, operations)
    view = _view(clip, (top, left, height, width), size, augment.flip and mirrored)
    if augment.colour_jitter:
        view = _jittered(view, augment.colour_jitter, colours)
    if augment.erasing:
        view = _erased(view, augment, box)
    return view


def _crop(
    height: int, width: int, augment: Augment, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the random crop."""
    if augment.crop_aspect is None:
        top, left, side = train_crop(height, width, augment.crop_area, rng)
        return top, left, side, side
    with _seeded(int(rng.integers(2**63))):
        return RandomResizedCrop.get_params(
            torch.empty(1, height, width), list(augment.crop_area), list(augment.crop_aspect)
        )


def _view(clip: np.ndarray, crop: tuple[int, int, int, int], size: int, flip: bool) -> torch.Tensor:
    """A part of the clip resized, and its mirror image with `flip`: uint8 (t s s c)."""
    top, left, height, width = crop
    view = resize(clip[:, top : top + height, left : left + width], size, size)
    return view.flip(2) if flip else view


def _randaugmented(clip: np.ndarray, text: str, seed: int) -> np.ndarray:
    """RandAugment with the same operations, as strong, on each frame: uint8 (t h w c)."""
    operations = _randaugment(text)
    frames = []
    for frame in clip:
        # the draws do not depend on the picture: one seed, one sequence of operations
        with _seeded(seed):
            frames.append(np.asarray(operations(Image.fromarray(np.ascontiguousarray(frame)))))
    return np.stack(frames)


@cache
def _randaugment(text: str) -> RandAugment:
    return rand_augment_transform(text, {"interpolation": Image.Resampling.BICUBIC})


def _jittered(view: torch.Tensor, strength: float, seed: int) -> torch.Tensor:
    """Brightness, contrast and saturation changed, in random order: uint8 (t s s c)."""
    jitter = v2.ColorJitter(brightness=strength, contrast=strength, saturation=strength)
    with _seeded(seed):
        return jitter(view.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).contiguous()


def _erased(view: torch.Tensor, augment: Augment, seed: int) -> torch.Tensor:
    """Noise in a random box, in some of the clips: uint8 (t s s c).

    Box and noise are the same in all frames (the authors draw the noise anew in each).
    """
    channels_first = view.permute(0, 3, 1, 2)
    with _seeded(seed):
        if torch.rand(()) >= augment.erasing:
            return view
        top, left, height, width, noise = RandomErasing.get_params(
            channels_first, _ERASED_AREA, _ERASED_ASPECT
        )
    if (height, width) == view.shape[1:3]:
        # none of torchvision's ten boxes fitted
        return view
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (augment.mean, augment.std))
    pixels = (255 * (mean + std * noise)).round().clamp(0, 255).to(torch.uint8)
    # the frames may be those of the store, which stay as they are
    erased = view.clone()
    erased[:, top : top + height, left : left + width] = pixels.permute(1, 2, 0)
    return erased


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's, NumPy's and PyTorch's global generators seeded; afterwards as they were before."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        # not torch.manual_seed, which would seed the GPUs' generators too
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
