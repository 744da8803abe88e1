"""Pairs are mixed as timm mixes them, all frames alike, by draws of their own."""

import pytest
import torch

from signal_perception.finetune.mixing import Mixing
from tests.support.training import recipe

CLASSES = 3


def _mixed(clips: int, units: list[range], seed: int = 0, **values: float):
    """Clip n is full of the number n; inputs after mixing, and targets."""
    mixing = Mixing(recipe(**values), CLASSES)
    inputs = torch.arange(1.0, clips + 1).view(-1, 1, 1, 1, 1).expand(clips, 3, 4, 8, 8).clone()
    labels = torch.arange(clips) % CLASSES
    return inputs, mixing(inputs, labels, units, lambda place: seed + 100 * place)


@pytest.mark.parametrize("seed", range(5))
def test_mixup_by_hand(seed: int) -> None:
    inputs, targets = _mixed(4, [range(2), range(2, 4)], seed, mixup=0.8)
    for first in (0, 2):
        share = float(targets[first, first % CLASSES])
        assert 0 < share < 1
        one, other = first + 1.0, first + 2.0
        assert inputs[first].unique().numel() == 1
        assert float(inputs[first, 0, 0, 0, 0]) == pytest.approx(share * one + (1 - share) * other)
        expected = share * other + (1 - share) * one
        assert float(inputs[first + 1, 0, 0, 0, 0]) == pytest.approx(expected, rel=1e-5)
    assert targets.sum(1).tolist() == pytest.approx([1] * 4)
    # each pair has a factor of its own
    assert float(targets[0, 0]) != float(targets[2, 2])


def test_cutmix_puts_one_box_of_the_partner_into_all_frames() -> None:
    for seed in range(20):
        inputs, targets = _mixed(2, [range(2)], seed, cutmix=1.0)
        foreign = inputs[0] == 2
        assert torch.equal(foreign, foreign[:1, :1].expand_as(foreign))
        share = float(foreign[0, 0].float().mean())
        assert float(targets[0, 1]) == pytest.approx(share)
        rows, columns = foreign[0, 0].any(1), foreign[0, 0].any(0)
        assert int(foreign[0, 0].sum()) == int(rows.sum()) * int(columns.sum())


def test_each_half_of_the_pairs_is_mixed_by_mixup_and_by_cutmix() -> None:
    pairs = [range(start, start + 2) for start in range(0, 400, 2)]
    inputs, _ = _mixed(400, pairs, mixup=0.8, cutmix=1.0)
    whole = sum(inputs[pair.start].unique().numel() == 1 for pair in pairs)
    # a cutmix box may be nothing or everything
    assert 75 < whole < 145


@pytest.mark.parametrize("clips", [1, 3, 5])
def test_a_clip_that_is_left_over_stays_and_its_target_is_smoothed(clips: int) -> None:
    inputs, targets = _mixed(clips, [range(clips)], mixup=0.8, label_smoothing=0.3)
    assert (inputs[-1] == clips).all()
    label = (clips - 1) % CLASSES
    assert targets[-1].tolist() == pytest.approx([0.8 if n == label else 0.1 for n in range(3)])
    assert targets.shape == (clips, CLASSES)


def test_a_pair_is_mixed_the_same_wherever_it_runs() -> None:
    together, targets = _mixed(6, [range(2), range(2, 4), range(4, 6)], mixup=0.8, cutmix=1.0)
    mixing = Mixing(recipe(mixup=0.8, cutmix=1.0), CLASSES)
    alone = torch.arange(5.0, 7).view(-1, 1, 1, 1, 1).expand(2, 3, 4, 8, 8).clone()
    found = mixing(alone, torch.arange(4, 6) % CLASSES, [range(4, 6)], lambda place: 100 * place)
    assert torch.equal(alone, together[4:])
    assert torch.equal(found, targets[4:])
