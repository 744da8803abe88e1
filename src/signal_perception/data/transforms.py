"""From stored frames to model input: crop, resize, flip, controls on the order of frames, normalisation.

Clips stay uint8 with channels last, (t h w c), until `normalise`, which runs on the batch's device: a quarter of the bytes to move.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

from signal_perception.data.sampling import test_crops, train_crop
from signal_perception.errors import UserError

CONTROLS = ("clip", "static", "shuffled", "reversed")


def train_view(
    clip: np.ndarray, size: int, scale: tuple[float, float], flip: bool, rng: np.random.Generator
) -> torch.Tensor:
    """A random square of the clip, the same in all frames, resized to `size` and mirrored half the times if `flip`.

    uint8 (t h w c) → uint8 (t s s c); `scale` as in `sampling.train_crop`.
    """
    top, left, side = train_crop(clip.shape[1], clip.shape[2], scale, rng)
    view = resize(clip[:, top : top + side, left : left + side], size, size)
    mirrored = rng.uniform() < 0.5  # drawn in any case, so that `flip` changes no other draw
    return view.flip(2) if flip and mirrored else view


def test_views(clip: np.ndarray, size: int, resized: int, crops: int) -> torch.Tensor:
    """The fixed crops of a clip whose short side is first resized to `resized`: uint8 (t h w c) → uint8 (crops t s s c)."""
    height, width = clip.shape[1:3]
    short = min(height, width)
    frames = resize(clip, height * resized // short, width * resized // short)
    corners = test_crops(frames.shape[1], frames.shape[2], size, crops)
    return torch.stack([frames[:, top : top + size, left : left + size] for top, left in corners])


def resize(clip: np.ndarray, height: int, width: int) -> torch.Tensor:
    """Bilinear, antialiased where it shrinks: uint8 (t h w c) → uint8 (t height width c)."""
    frames = torch.from_numpy(np.ascontiguousarray(clip))
    if tuple(clip.shape[1:3]) == (height, width):
        return frames
    channels_first = frames.permute(0, 3, 1, 2)  # a view: memory stays channels last, which torch has fast code for
    shrunk = interpolate(channels_first, (height, width), mode="bilinear", align_corners=False, antialias=True)
    return shrunk.permute(0, 2, 3, 1).contiguous()


def normalise(batch: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """uint8 (b t h w c) → float32 (b c t h w) = (value/255 − mean)/std per channel, on the batch's device."""
    shift = torch.tensor(mean, dtype=torch.float32, device=batch.device)
    scale = torch.tensor(std, dtype=torch.float32, device=batch.device)
    return ((batch.to(torch.float32) / 255 - shift) / scale).permute(0, 4, 1, 2, 3).contiguous()


def control_order(name: str, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Places in a clip of `frames` frames that a control shows one after the other: int64 (frames,).

    "clip" as it is; "static" its first frame only; "shuffled" one random order; "reversed" backwards (METHOD, controls).
    """
    if name == "clip":
        return np.arange(frames)
    if name == "static":
        return np.zeros(frames, np.int64)
    if name == "shuffled":
        return rng.permutation(frames)
    if name == "reversed":
        return np.arange(frames)[::-1].copy()
    raise UserError(f"no control {name!r}: there are {', '.join(CONTROLS)}")
