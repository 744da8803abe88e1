"""Crops, resizing, normalisation and the controls on the order of frames."""

import numpy as np
import pytest
import torch

from signal_perception.clips import transforms
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator


def numbered(frames: int, height: int, width: int) -> np.ndarray:
    """uint8 (t h w 3): channel 0 is the frame, 1 the row, 2 the column."""
    t, y, x = np.indices((frames, height, width))
    return np.stack([t, y, x], axis=-1).astype(np.uint8)


def test_normalise_by_hand():
    batch = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(2, 4, 5, 6, 3)
    found = transforms.normalise(batch, (0.5, 0.2, 0.45), (0.5, 0.1, 0.225))
    assert found.shape == (2, 3, 4, 5, 6)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    torch.testing.assert_close(
        found[0, :, 0, 0, 0], torch.tensor([-1.0, 0.0, 0.55 / 0.225]), rtol=1e-6, atol=1e-6
    )
    moved = transforms.normalise(torch.from_numpy(numbered(2, 3, 4))[None], (0, 0, 0), (1, 1, 1))
    assert moved[0, 0, 1, 2, 3] * 255 == 1
    assert moved[0, 1, 1, 2, 3] * 255 == 2
    assert moved[0, 2, 1, 2, 3] * 255 == 3


def test_resize_keeps_constants_and_ramps_and_averages_stripes():
    flat = np.full((2, 40, 60, 3), 77, np.uint8)
    assert (transforms.resize(flat, 13, 21) == 77).all()
    clip = numbered(2, 64, 64)
    half = transforms.resize(clip, 32, 32)
    assert half.shape == (2, 32, 32, 3)
    # pixel i of the half-size ramp sits at 2i + ½ of the original
    assert (half[1, :, :, 0] == 1).all()
    expected = torch.arange(1, 31) * 2 + 0.5
    assert (half[0, 1:31, 5, 1] - expected).abs().max() <= 0.5
    assert (half[0, 5, 1:31, 2] - expected).abs().max() <= 0.5
    stripes = np.zeros((1, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 255
    small = transforms.resize(stripes, 16, 16)[:, :, 2:-2].float()
    # without antialiasing: 0 or 255
    assert (small - 127.5).abs().max() < 20
    assert np.array_equal(transforms.resize(clip, 64, 64), clip)


def test_fixed_views_are_the_crops_of_the_resized_clip():
    clip = numbered(3, 24, 40)
    views = transforms.test_views(clip, "dense", 16, 24, 3)
    assert views.shape == (3, 3, 16, 16, 3)
    for view, left in zip(views, (0, 12, 24), strict=True):
        assert np.array_equal(view, clip[:, 4:20, left : left + 16])
    assert transforms.test_views(clip, "dense", 12, 12, 3).shape == (3, 3, 12, 12, 3)
    resized = transforms.resize(clip, 12, 20)
    assert torch.equal(transforms.test_views(clip, "dense", 12, 12, 1)[0], resized[:, :, 4:16])
    # the long side of the official rule is rounded down: 25 · 16/24 = 16.67
    assert transforms.test_views(numbered(1, 24, 25), "dense", 16, 16, 3).shape == (3, 1, 16, 16, 3)
    # mmaction shows the middle last, and its left and right are ⌊25/2⌋ = 12 from it
    views = transforms.test_views(numbered(3, 24, 41), "mmaction", 16, 24, 3)
    for view, left in zip(views, (0, 24, 12), strict=True):
        assert np.array_equal(view, numbered(3, 24, 41)[:, 4:20, left : left + 16])


def test_controls():
    rng = generator(0, "control")
    assert transforms.control_order("clip", 6, rng).tolist() == [0, 1, 2, 3, 4, 5]
    assert transforms.control_order("reversed", 6, rng).tolist() == [5, 4, 3, 2, 1, 0]
    assert transforms.control_order("static", 6, rng).tolist() == [0] * 6
    orders = {tuple(transforms.control_order("shuffled", 6, generator(0, i))) for i in range(50)}
    assert all(sorted(order) == list(range(6)) for order in orders)
    assert len(orders) > 40
    assert tuple(transforms.control_order("shuffled", 6, generator(0, 7))) in orders
    with pytest.raises(
        UserError, match=r"no control 'frozen'; choose one of clip, static, shuffled, reversed"
    ):
        transforms.control_order("frozen", 6, rng)
