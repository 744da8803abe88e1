"""From stored frames to model input: test crops, resizing, order of frames, normalisation.

Clips stay uint8 with channels last, (t h w c), until `normalise`, which runs on the batch's device:
a quarter of the bytes to move. Cropping and resizing are done where frames are decoded, by one and
the same code whatever the device, so that every device is given the same bytes; they are a fifth to
a third of the time that a training clip takes here.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

from signal_perception.clips.sampling import test_crops, test_size
from signal_perception.pipeline.errors import UserError
from signal_perception.vocabulary import CLIP, INPUTS


def test_views(clip: np.ndarray, rule: str, size: int, short: int, crops: int) -> torch.Tensor:
    """The fixed crops of a clip: uint8 (t h w c) → uint8 (crops t s s c).

    The short side is first resized to `short`. rule: whose crops these are, see `sampling`.
    """
    height, width = clip.shape[1:3]
    height, width = test_size(rule, height, width, short)
    frames = resize(clip, height, width)
    corners = test_crops(rule, height, width, size, crops)
    return torch.stack([frames[:, top : top + size, left : left + size] for top, left in corners])


def resize(clip: np.ndarray, height: int, width: int) -> torch.Tensor:
    """Bilinear, antialiased where it shrinks: uint8 (t h w c) → uint8 (t height width c)."""
    frames = torch.from_numpy(np.ascontiguousarray(clip))
    if tuple(clip.shape[1:3]) == (height, width):
        return frames
    # a view: memory stays channels last, which torch has fast code for
    channels_first = frames.permute(0, 3, 1, 2)
    shrunk = interpolate(
        channels_first, (height, width), mode="bilinear", align_corners=False, antialias=True
    )
    return shrunk.permute(0, 2, 3, 1).contiguous()


def normalise(batch: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """uint8 (b t h w c) → float32 (b c t h w) = (value/255 − mean)/std per channel.

    On the batch's device.
    """
    shift, scale = (
        torch.tensor(values, dtype=torch.float32, device=batch.device).view(-1, 1, 1, 1)
        for values in (mean, std)
    )
    # bytes are rearranged, not floats, and arithmetic is in place: a quarter of the time
    channels_first = batch.permute(0, 4, 1, 2, 3)
    pixels = channels_first.to(torch.float32, memory_format=torch.contiguous_format)
    return pixels.div_(255).sub_(shift).div_(scale)


def control_order(name: str, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Places in a clip that a control shows one after the other: int64 (frames,).

    "clip" as it is; "static" its first frame only; "shuffled" one random order; "reversed"
    backwards (METHOD, controls).
    """
    if name == CLIP:
        return np.arange(frames)
    if name == "static":
        return np.zeros(frames, np.int64)
    if name == "shuffled":
        return rng.permutation(frames)
    if name == "reversed":
        return np.arange(frames)[::-1].copy()
    raise UserError(f"There is no control {name!r}; choose one of {', '.join(INPUTS)}.")
