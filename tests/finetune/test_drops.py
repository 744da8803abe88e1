"""Dropout and drop path: the shares that they should have, by clip, the same when made again."""

import pytest
import torch
from torch import nn

from signal_perception.finetune.drops import Drops
from signal_perception.models.core.timm_layers import DropPath


class Two(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.path, self.drop, self.off = DropPath(rate), nn.Dropout(rate), nn.Dropout(0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.off(self.drop(self.path(x)))


def _made(rate: float = 0.25, seed: int = 0) -> tuple[Two, Drops]:
    model = Two(rate).train()
    return model, Drops(model, seed, "run")


def test_numbers_and_rows_are_dropped_at_their_rate_and_the_mean_stays() -> None:
    model, drops = _made()
    ones = torch.ones(4000, 5, 4)
    with drops.of(0, range(1000)):
        rows = model.path(ones)
        numbers = model.drop(ones)
    # a row is dropped as a whole, and a clip has several
    assert {row.unique().numel() for row in rows} == {1}
    by_clip = rows[:, 0, 0].view(1000, 4)
    assert (by_clip.amax(1) != by_clip.amin(1)).float().mean() == pytest.approx(0.68, abs=0.05)
    for found, places in ((rows[:, 0, 0], 4000), (numbers, 80_000)):
        share = float((found == 0).double().mean())
        # five standard errors
        assert abs(share - 0.25) < 5 * (0.25 * 0.75 / places) ** 0.5
        assert found.unique().tolist() == pytest.approx([0, 4 / 3])


def test_a_clip_has_its_draws_in_any_company() -> None:
    model, drops = _made()
    ones = torch.ones(8, 50)
    with drops.of(3, range(8)):
        together = model(ones)
    alone = []
    for place in range(8):
        with drops.of(3, [place]):
            alone.append(model(ones[:1]))
    assert torch.equal(torch.cat(alone), together)
    for step, seed in ((4, 0), (3, 1)):
        other, others = _made(seed=seed)
        with others.of(step, range(8)):
            assert not torch.equal(other(ones), together)


def test_a_repeated_pass_meets_the_same_draws() -> None:
    model, drops = _made()
    ones = torch.ones(6, 50)
    with drops.of(0, range(6)):
        first = [model(ones), model(ones)]
        drops.replay()
        again = [model(ones), model(ones)]
    assert not torch.equal(*first)
    assert all(torch.equal(one, other) for one, other in zip(first, again))


def test_evaluation_and_rate_zero_change_nothing() -> None:
    model, drops = _made()
    x = torch.randn(3, 7)
    assert torch.equal(model.eval()(x), x)
    plain, none = _made(0.0)
    with none.of(0, range(3)):
        assert plain(x) is x
    assert isinstance(plain.drop, nn.Dropout)
    # no parameter and no name is added
    assert not model.state_dict()
    assert drops.clips == 0
