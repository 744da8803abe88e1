"""Random views: one draw per clip, seeded, the same for any number of workers.

With all but the crop off, draws and bytes are those of a square crop and a mirror image.
"""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from signal_perception.clips import augment, sampling, transforms
from signal_perception.clips.augment import Augment, train_view
from signal_perception.clips.datasets import TrainClips
from signal_perception.clips.settings import Input
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator
from tests.support.clips import batches, make_store

PIXELS: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
RAND = "rand-m7-n4-mstd0.5-inc1"
WHOLE = Augment((1.0, 1.0))
KINDS = {
    "square": Augment((0.3, 1.0), flip=True),
    "aspect": Augment((0.08, 1.0), (0.75, 1.3333)),
    "randaugment": replace(WHOLE, randaugment=RAND),
    "colours": replace(WHOLE, colour_jitter=0.4),
    "erasing": replace(WHOLE, erasing=1.0, **PIXELS),
    "all": Augment((0.08, 1.0), (0.75, 1.3333), True, RAND, 0.4, 1.0, **PIXELS),
}


def numbered(frames: int, height: int, width: int) -> np.ndarray:
    """uint8 (t h w 3): channel 0 is the frame, 1 the row, 2 the column."""
    t, y, x = np.indices((frames, height, width))
    return np.stack([t, y, x], axis=-1).astype(np.uint8)


def noisy(frames: int = 1, size: int = 32) -> np.ndarray:
    return generator(0, "noisy").integers(0, 256, (frames, size, size, 3), np.uint8)


def _numpy_state() -> list[int]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    assert isinstance(state, dict)
    return [*state["state"]["key"].tolist(), state["state"]["pos"]]


def test_a_plain_view_is_a_square_and_a_mirror_image_in_this_order_of_draws():
    clip = noisy(3, 40)
    for i in range(20):
        rng, drawn = generator(0, i), generator(0, i)
        top, left, side = sampling.train_crop(40, 40, (0.3, 0.9), rng)
        square = transforms.resize(clip[:, top : top + side, left : left + side], 16, 16)
        expected = square.flip(2) if rng.uniform() < 0.5 else square
        assert torch.equal(train_view(clip, 16, Augment((0.3, 0.9), flip=True), drawn), expected)
        # nothing else was drawn
        assert drawn.uniform() == rng.uniform()


def test_random_views_are_one_square_for_all_frames():
    clip = numbered(4, 20, 30)
    lefts = set()
    for i in range(50):
        view = train_view(clip, 20, WHOLE, generator(0, i))
        left = int(view[0, 0, 0, 2])
        assert np.array_equal(view, clip[:, :, left : left + 20])
        lefts.add(left)
    assert lefts == set(range(11))
    shrunk = train_view(clip, 8, Augment((0.3, 0.8)), generator(0, 1))
    assert shrunk.shape == (4, 8, 8, 3)
    assert shrunk.dtype == torch.uint8
    assert torch.equal(shrunk[0, :, :, 1:], shrunk[3, :, :, 1:])


def test_flipping_mirrors_half_of_the_views_and_changes_nothing_else():
    clip = numbered(2, 20, 30)
    mirrored = 0
    for i in range(100):
        plain = train_view(clip, 20, Augment((0.5, 1.0)), generator(0, i))
        flipped = train_view(clip, 20, Augment((0.5, 1.0), flip=True), generator(0, i))
        same = torch.equal(plain, flipped)
        assert same or torch.equal(plain.flip(2), flipped)
        mirrored += not same
    assert 30 < mirrored < 70


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_clip_stays_still(kind):
    still = np.repeat(noisy(), 5, axis=0)
    for i in range(10):
        view = train_view(still, 24, KINDS[kind], generator(0, kind, i))
        assert view.shape == (5, 24, 24, 3) and view.dtype == torch.uint8
        assert (view == view[:1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_does_not_change_what_is_done_to_the_others(kind):
    """Alone, in a longer clip, beside other frames: the same operation."""
    clip = noisy(4)
    other = np.concatenate([255 - clip[:1], clip[1:2]])
    for i in range(10):
        whole, pair = (train_view(each, 24, KINDS[kind], generator(0, i)) for each in (clip, other))
        assert torch.equal(whole[1], pair[1])


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_seeded_and_leave_the_global_generators_alone(kind):
    clip = noisy(2)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    states = random.getstate(), _numpy_state(), torch.get_rng_state()
    first = train_view(clip, 24, KINDS[kind], generator(0, 1))
    assert random.getstate() == states[0]
    assert _numpy_state() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    assert torch.equal(train_view(clip, 24, KINDS[kind], generator(0, 1)), first)
    others = [train_view(clip, 24, KINDS[kind], generator(0, i)) for i in range(2, 8)]
    assert any(not torch.equal(other, first) for other in others)


def test_an_operation_changes_no_draw_of_another():
    clip = noisy(2)
    for i in range(10):
        plain = train_view(clip, 24, Augment((0.3, 1.0)), generator(0, i))
        erased = train_view(clip, 24, Augment((0.3, 1.0), erasing=1.0, **PIXELS), generator(0, i))
        assert 0 < (plain != erased).any(-1).float().mean() <= 0.4
        jittered = Augment((0.3, 1.0), colour_jitter=0.4)
        both = replace(jittered, erasing=1.0, **PIXELS)
        same = train_view(clip, 24, both, generator(0, i)) == erased
        # where there is noise, it is the same
        assert same[(plain != erased).all(-1)].all()


def test_the_crop_with_an_aspect_is_torchvisions():
    height, width, crop = 60, 80, Augment((0.08, 1.0), (0.75, 1.3333))
    shares, aspects = [], []
    for i in range(2000):
        top, left, h, w = augment._crop(height, width, crop, generator(0, i))
        assert 0 <= top <= height - h and 0 <= left <= width - w
        shares.append(h * w / (height * width))
        aspects.append(w / h)
    # sides are whole pixels
    assert 0.07 < min(shares) < 0.1 and 0.95 < max(shares) <= 1
    assert 0.7 < min(aspects) < 0.8 and 1.25 < max(aspects) < 1.42
    # shares are uniform where every aspect fits: up to 0.75 · 60/80
    low, middle, high = np.histogram(shares, bins=[0.08, 0.31, 0.54, 0.77])[0] / 2000
    assert low == pytest.approx(middle, abs=0.05)
    assert high < middle
    # the logarithm of the aspect is uniform
    small = [aspect for aspect, share in zip(aspects, shares, strict=True) if 0.2 < share < 0.5]
    assert np.mean(np.array(small) < 1) == pytest.approx(0.5, abs=0.07)
    # and what is seen is that part of the picture, stretched to a square
    clip = numbered(1, height, width)
    top, left, h, w = augment._crop(height, width, crop, generator(0, 3))
    seen = train_view(clip, 16, crop, generator(0, 3))
    expected = transforms.resize(clip[:, top : top + h, left : left + w], 16, 16)
    assert torch.equal(seen, expected)


def test_erased_boxes_have_their_size_place_and_noise():
    grey = np.full((2, 64, 64, 3), 7, np.uint8)
    erase = replace(WHOLE, erasing=1.0, **PIXELS)
    shares, rows, values = [], [], []
    for i in range(300):
        view = train_view(grey, 64, erase, generator(0, i))
        changed = (view[0] != 7).any(-1)
        ys, xs = changed.nonzero(as_tuple=True)
        box = view[0, ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        shares.append(box.shape[0] * box.shape[1] / 64**2)
        rows.append(int(ys.min()) + int(ys.max()))
        values.append(box.flatten(0, 1).double())
    assert 0.015 < min(shares) < 0.05 and 0.28 < max(shares) < 0.35
    assert np.mean(shares) == pytest.approx((0.02 + 1 / 3) / 2, abs=0.02)
    assert np.mean(rows) / 2 == pytest.approx(31.5, abs=2)
    pixels = torch.cat(values) / 255
    mean, std = (torch.tensor(PIXELS[name], dtype=torch.double) for name in ("mean", "std"))
    # standard normal in the model's units, but for what is darker than black or brighter than white
    normal = (pixels - mean) / std
    assert normal.mean(0).abs().max() < 0.03
    assert (normal.std(0) - 1).abs().max() < 0.05
    assert (normal.median(0).values).abs().max() < 0.03


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_erasing_has_its_probability(probability):
    clip = np.full((1, 16, 16, 3), 7, np.uint8)
    erase = replace(WHOLE, erasing=probability, **PIXELS)
    hit = [bool((train_view(clip, 16, erase, generator(0, i)) != 7).any()) for i in range(400)]
    assert np.mean(hit) == pytest.approx(probability, abs=0.0 if probability in (0, 1) else 0.07)
    assert (clip == 7).all()


def test_noise_without_the_pixels_statistics_is_refused():
    with pytest.raises(UserError, match=r"erasing is 0.25, and its noise needs the mean and std"):
        Augment((1.0, 1.0), erasing=0.25)


def test_randaugment_takes_the_operations_that_the_text_names():
    clip = noisy(2)
    never = replace(WHOLE, randaugment="rand-m7-n4-p0")
    assert torch.equal(
        train_view(clip, 32, never, generator(0, 1)), train_view(clip, 32, WHOLE, generator(0, 1))
    )
    changed = [
        not torch.equal(
            train_view(clip, 32, KINDS["randaugment"], generator(0, i)),
            train_view(clip, 32, WHOLE, generator(0, i)),
        )
        for i in range(60)
    ]
    # four operations, each with probability ½
    assert np.mean(changed) == pytest.approx(15 / 16, abs=0.12)


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> TrainClips:
    store = make_store(tmp_path_factory.mktemp("clips") / "s.zarr", range(6))
    shown = Input.model_validate(
        {"frames": 4, "stride": 3, "size": 16, "sampling": "dense", "fusion": "logits"}
    )
    return TrainClips(store, shown, augment=KINDS["all"], seed=0)


def test_items_are_the_same_for_any_number_of_workers(items: TrainClips):
    def collected(workers: int) -> list[torch.Tensor]:
        return [clips for clips, _ in batches(items, 2, workers)]

    alone, two = collected(0), collected(2)
    assert all(torch.equal(one, other) for one, other in zip(alone, two, strict=True))


def test_the_clip_is_not_written_to():
    clip = noisy(2, 16)
    before = clip.copy()
    for i in range(10):
        train_view(clip, 16, KINDS["all"], generator(0, i))
        train_view(clip, 16, KINDS["erasing"], generator(0, i))
    assert np.array_equal(clip, before)
