"""Training is resumable to the bit, follows its schedule, and leaves frozen statistics alone."""

import io

import pytest
import torch
from project import ROOT
from torch import nn

from signal_perception import assembly, params
from signal_perception.training import Trainer


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


def _entry(**recipe: object) -> params.Model:
    entry = params.load(ROOT / "params.yaml").models["i3d_inception"]["tiny"]
    changed = entry.recipe.model_copy(update={"epochs": 4, "warmup_epochs": 1, "lr": 0.01, "mixup": 0.2} | recipe)
    return entry.model_copy(update={"recipe": changed})


def _trainer(entry: params.Model) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Small(), entry, classes=3, steps=2, precision="float32", seed=5, run="test")


def _batches(epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    return [
        (torch.randint(0, 256, (4, 3, 5, 5, 3), dtype=torch.uint8, generator=generator), torch.tensor([0, 1, 2, 1]))
        for _ in range(2)
    ]


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_resumed_run_equals_an_unbroken_one(optimiser: str) -> None:
    entry = _entry(optimiser=optimiser)
    unbroken = _trainer(entry)
    rows = [unbroken.epoch(number, _batches(number)) for number in range(4)]

    first = _trainer(entry)
    for number in range(2):
        assert first.epoch(number, _batches(number)) == rows[number]
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    torch.manual_seed(99)  # the state of the global generator must not matter
    second = _trainer(entry)
    second.restore(torch.load(file, weights_only=True))
    assert [second.epoch(number, _batches(number)) for number in (2, 3)] == rows[2:]
    for name, value in unbroken.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_the_rate_rises_then_falls() -> None:
    trainer = _trainer(_entry(epochs=10, warmup_epochs=2, min_lr=0.0001))
    rates = [trainer.epoch(number, _batches(number)).lr for number in range(10)]
    assert rates[0] < rates[1] < rates[2]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[2] == pytest.approx(0.01, rel=0.05)
    assert rates[-1] < 0.001


def test_frozen_batch_norm_keeps_its_statistics_and_train_moves_them() -> None:
    for mode, same in (("frozen", True), ("train", False)):
        trainer = _trainer(_entry(batch_norm=mode))
        before = trainer.model.state_dict()["norm.running_mean"].clone()
        trainer.epoch(0, _batches(0))
        assert torch.equal(trainer.model.state_dict()["norm.running_mean"], before) == same


def test_it_learns() -> None:
    trainer = _trainer(_entry(epochs=40, mixup=0.0, label_smoothing=0.0))
    labels = torch.tensor([0, 1, 2, 0])
    clips = (labels * 100).to(torch.uint8).view(4, 1, 1, 1, 1).expand(4, 3, 5, 5, 3).contiguous()
    rows = [trainer.epoch(number, [(clips, labels)] * 2) for number in range(40)]
    assert rows[-1].loss < 0.5 * rows[0].loss


def test_the_number_of_cpu_threads_is_a_parameter_not_the_machines() -> None:
    settings = params.load(ROOT / "params.yaml")
    assert settings.cpu_threads == 1
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assembly.fresh_model(settings.model_copy(update={"cpu_threads": None}), "i3d", 3, "shapes")
        assert torch.get_num_threads() == 2
        assembly.fresh_model(settings, "i3d", 3, "shapes")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
