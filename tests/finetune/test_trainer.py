"""Training is resumable to the bit, follows its schedule, and leaves frozen statistics alone."""

import io
import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from signal_perception.finetune.settings import Recipe
from signal_perception.finetune.trainer import Epoch, Trainer
from signal_perception.inference import networks
from signal_perception.pipeline import params
from tests.support.project import ROOT


class Small(nn.Module):
    """A network with everything that has a state or draws at random: batch norm, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3)
        self.norm = nn.BatchNorm3d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 3)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.norm(self.conv(clip)).relu().mean((2, 3, 4))))


def _recipe(**changed: object) -> Recipe:
    recipe = params.load(ROOT).models["i3d_inception"]["tiny"].recipe
    small = {"epochs": 4, "warmup_epochs": 1, "lr": 0.01, "mixup": 0.2}
    return recipe.model_copy(update=small | changed)


def _trainer(recipe: Recipe) -> Trainer:
    torch.manual_seed(0)
    return Trainer(
        Small(),
        recipe,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        classes=3,
        steps=2,
        precision="float32",
        seed=5,
        run="test",
    )


def _batches(epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    return [
        (
            torch.randint(0, 256, (4, 3, 5, 5, 3), dtype=torch.uint8, generator=generator),
            torch.tensor([0, 1, 2, 1]),
        )
        for _ in range(2)
    ]


def _numbers(epoch: Epoch) -> str:
    """All numbers to the last bit, as text, since NaN equals nothing."""
    return str(asdict(epoch))


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_resumed_run_equals_an_unbroken_one(optimiser: str) -> None:
    recipe = _recipe(optimiser=optimiser)
    unbroken = _trainer(recipe)
    rows = [unbroken.epoch(number, _batches(number)) for number in range(4)]

    first = _trainer(recipe)
    for number in range(2):
        assert _numbers(first.epoch(number, _batches(number))) == _numbers(rows[number])
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    # the state of the global generator must not matter
    torch.manual_seed(99)
    second = _trainer(recipe)
    second.restore(torch.load(file, weights_only=True))
    for number in (2, 3):
        assert _numbers(second.epoch(number, _batches(number))) == _numbers(rows[number])
    for name, value in unbroken.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_the_rate_rises_then_falls() -> None:
    trainer = _trainer(_recipe(epochs=10, warmup_epochs=2, min_lr=0.0001))
    rates = [trainer.epoch(number, _batches(number)).lr for number in range(10)]
    assert rates[0] < rates[1] < rates[2]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[2] == pytest.approx(0.01, rel=0.05)
    assert rates[-1] < 0.001


def test_frozen_batch_norm_keeps_its_statistics_and_train_moves_them() -> None:
    for mode, same in (("frozen", True), ("train", False)):
        trainer = _trainer(_recipe(batch_norm=mode))
        before = trainer.model.state_dict()["norm.running_mean"].clone()
        trainer.epoch(0, _batches(0))
        assert torch.equal(trainer.model.state_dict()["norm.running_mean"], before) == same


def test_it_learns() -> None:
    trainer = _trainer(_recipe(epochs=40, mixup=0.0, label_smoothing=0.0))
    labels = torch.tensor([0, 1, 2, 0])
    clips = (labels * 100).to(torch.uint8).view(4, 1, 1, 1, 1).expand(4, 3, 5, 5, 3).contiguous()
    rows = [trainer.epoch(number, [(clips, labels)] * 2) for number in range(40)]
    assert rows[-1].loss < 0.5 * rows[0].loss


def test_top1_is_told_only_where_every_clip_has_one_class() -> None:
    mixed, plain = (_trainer(_recipe(mixup=mixup)).epoch(0, _batches(0)) for mixup in (0.2, 0.0))
    assert math.isnan(mixed.top1)
    assert 0 <= plain.top1 <= 100


def test_the_number_of_cpu_threads_is_a_parameter_not_the_machines() -> None:
    settings = params.load(ROOT)
    assert settings.cpu_threads == 1
    network = settings.models["i3d"]["tiny"].network
    before = torch.get_num_threads()

    def threads_with(threads: int | None) -> int:
        networks.fresh(
            "i3d", network, classes=3, pretrained=None, seed=0, dataset="shapes", threads=threads
        )
        return torch.get_num_threads()

    try:
        torch.set_num_threads(2)
        assert threads_with(None) == 2
        assert threads_with(1) == 1
    finally:
        torch.set_num_threads(before)
