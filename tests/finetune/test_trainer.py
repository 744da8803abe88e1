"""Training is resumable to the bit and the same in parts, follows its recipe, and refuses NaN."""

import io
import math

import pytest
import torch

from signal_perception.finetune import memory
from signal_perception.finetune import trainer as trainer_module
from signal_perception.finetune.settings import Recipe
from signal_perception.inference import networks
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from tests.support import training
from tests.support.project import ROOT
from tests.support.training import EVERYTHING, recipe, train, trainer, weights

MIXED = {"mixup": 0.8, "cutmix": 1.0, "label_smoothing": 0.1}


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    return [name for name in one if not torch.equal(one[name], other[name])]


@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "nesterov"])
@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_resumed_run_equals_an_unbroken_one(optimiser: str, after: int) -> None:
    values = recipe(optimiser=optimiser, **MIXED)
    unbroken = trainer(values)
    losses = train(unbroken, values, range(3))

    every = [each for epoch in range(3) for each in training.steps(unbroken, values, epoch)]
    first = trainer(values)
    for step, batches in every[:after]:
        first.step(step, iter(batches))
        # at the end of an epoch
        if step.number % 2:
            first.sums()
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    # the state of the global generator must not matter
    torch.manual_seed(99)
    second = trainer(values)
    second.restore(torch.load(file, weights_only=True))
    sums = None
    for step, batches in every[after:]:
        second.step(step, iter(batches))
        if step.number % 2:
            sums = second.sums()
    assert sums is not None
    assert sums.loss / sums.clips == losses[-1]
    assert not _equal(weights(unbroken), weights(second))


@pytest.mark.parametrize("at_once", [1, 3, 4])
@pytest.mark.parametrize("values", [{}, MIXED, {"samples": 2, **MIXED}])
def test_a_step_in_parts_is_the_step(
    at_once: int, values: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, drop path and mixing: what is drawn belongs to a clip."""
    chosen = recipe(clip_grad=1.0, **values)
    whole = trainer(chosen, ("drop", "path"))
    losses = train(whole, chosen, range(3))
    monkeypatch.setattr(memory, "_PIXELS_ON_CPU", at_once * 3 * 8 * 8)
    parts = trainer(chosen, ("drop", "path"))
    assert train(parts, chosen, range(3)) == pytest.approx(losses, rel=1e-5)
    for name, value in weights(parts).items():
        torch.testing.assert_close(value, weights(whole)[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("norm_clips", [2, 4])
def test_batch_norm_takes_its_statistics_from_as_many_clips_on_any_device(
    norm_clips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = recipe(norm_clips=norm_clips)
    one = trainer(chosen)
    train(one, chosen, range(2))
    monkeypatch.setattr(memory, "_PIXELS_ON_CPU", 1)
    other = trainer(chosen)
    train(other, chosen, range(2))
    assert not _equal(weights(one), weights(other))
    together = recipe()
    whole = trainer(together)
    train(whole, together, range(2))
    assert "norm.running_mean" in _equal(weights(one), weights(whole))


class _Short:
    """Memory that does not do until so few clips are asked for at once."""

    def __init__(self, fits: int, sparing: bool):
        self.fits, self.sparing, self.refused = fits, sparing, 0
        self.part = trainer_module.Trainer._part

    def __call__(self, made, step, inputs, targets, labels):
        if len(labels) > self.fits or (self.sparing and not made._memory._twice):
            self.refused += 1
            raise torch.cuda.OutOfMemoryError
        return self.part(made, step, inputs, targets, labels)


@pytest.mark.parametrize(("parts", "fits", "refused"), [((), 3, 2), (EVERYTHING, 8, 1)])
def test_a_step_that_does_not_fit_begins_again_in_smaller_parts(
    parts: tuple[str, ...], fits: int, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer clips where that is allowed; where batch norm forbids it, activations made twice."""
    chosen = recipe()
    usual = trainer(chosen, parts)
    losses = train(usual, chosen, range(2))
    short = _Short(fits, sparing="norm" in parts)
    monkeypatch.setattr(trainer_module.Trainer, "_part", lambda *given: short(*given))
    made = trainer(chosen, parts, segments=True)
    assert train(made, chosen, range(2)) == pytest.approx(losses, rel=1e-5)
    assert short.refused == refused
    for name, value in weights(made).items():
        torch.testing.assert_close(value, weights(usual)[name], rtol=1e-4, atol=1e-6, msg=name)


def test_what_fits_in_no_way_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = recipe()
    short = _Short(0, sparing=False)
    monkeypatch.setattr(trainer_module.Trainer, "_part", lambda *given: short(*given))
    with pytest.raises(UserError, match=r"The 8 clips of test do not fit the memory of cpu, even"):
        train(trainer(chosen, segments=True), chosen, range(1))
    with pytest.raises(UserError, match=r"Single clips of test do not fit the memory of cpu"):
        train(trainer(chosen, (), segments=True), chosen, range(1))


def test_frozen_batch_norm_keeps_its_statistics_and_train_moves_them() -> None:
    for mode, same in (("frozen", True), ("train", False)):
        chosen = recipe(batch_norm=mode)
        made = trainer(chosen)
        before = weights(made)["norm.running_mean"]
        train(made, chosen, range(1))
        assert torch.equal(weights(made)["norm.running_mean"], before) == same


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 7, 15, 16, 40])
def test_every_batch_trains(batch: int) -> None:
    """16 videos leave a rest, or are less than a batch."""
    chosen = recipe(batch=batch, **MIXED)
    assert all(math.isfinite(loss) for loss in train(trainer(chosen), chosen, range(2)))


@pytest.mark.parametrize("lr", [1e9, 1e30])
def test_a_loss_that_is_no_number_ends_training_with_its_step(lr: float) -> None:
    chosen = recipe(lr=lr, warmup_epochs=0)
    with pytest.raises(
        UserError, match=r"loss of test is (nan|inf) at step \d of 2 in epoch \d of 4; the last go"
    ):
        train(trainer(chosen), chosen, range(4))


def test_no_state_is_kept_of_a_loss_that_is_no_number() -> None:
    """On a GPU nobody looks at once."""
    chosen = recipe()
    made = trainer(chosen)
    made._unseen[3] = torch.tensor(math.nan)
    with pytest.raises(UserError, match=r"is nan at step 2 of 2 in epoch 2 of 4"):
        made.state()


def test_no_state_is_kept_of_weights_that_are_no_numbers() -> None:
    """The loss of the last step is that of the weights before it."""
    chosen = recipe(lr=1e30, warmup_epochs=0, batch=16)
    made = trainer(chosen)
    ((step, batches),) = training.steps(made, chosen, 0)
    made.step(step, iter(batches))
    assert math.isfinite(made.sums().loss)
    with torch.no_grad():
        made.model.head.weight.mul_(1e30)  # type: ignore[operator]
    with pytest.raises(UserError, match="Weights of test are no numbers after the last step; the"):
        made.state()


def test_it_learns() -> None:
    chosen = recipe(epochs=40, lr=0.02)
    losses = train(trainer(chosen, ()), chosen, range(40))
    assert losses[-1] < 0.5 * losses[0]


def test_the_mean_loss_is_that_of_the_clips() -> None:
    chosen = recipe(lr=1e-12, weight_decay=0.0, batch=5)
    made = trainer(chosen, ())
    loss = train(made, chosen, range(1))[0]
    sums = made.score(iter([training.clips(tuple(range(16)))]))
    assert loss == pytest.approx(sums.loss / 16, rel=1e-5)
    assert sums.clips == 16


def test_mixed_clips_have_no_one_class() -> None:
    for values, mixed in ((MIXED, True), ({}, False)):
        chosen = recipe(**values)
        made = trainer(chosen)
        for step, batches in training.steps(made, chosen, 0):
            made.step(step, iter(batches))
        assert math.isnan(made.sums().correct) == mixed


def test_the_rate_rises_then_falls() -> None:
    chosen = recipe(epochs=10, warmup_epochs=2, min_lr=0.0001, layer_decay=0.5)
    made, rates = trainer(chosen), []
    for epoch in range(10):
        train(made, chosen, range(epoch, epoch + 1))
        rates.append(made.rate)
    assert rates[0] < rates[1] < rates[2]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[2] == pytest.approx(0.01, rel=0.05)
    assert rates[-1] < 0.001


def test_float16_wants_a_gpu() -> None:
    with pytest.raises(UserError, match="float16, which needs a GPU; choose bfloat16 or float32"):
        trainer(recipe(), precision="float16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_trains_in_every_precision(precision: str) -> None:
    chosen: Recipe = recipe(epochs=40, lr=0.02)
    losses = train(trainer(chosen, (), precision=precision), chosen, range(40))
    assert losses[-1] < 0.5 * losses[0]


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
