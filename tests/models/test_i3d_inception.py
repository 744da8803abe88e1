"""Inception I3D: its released weights, its width, its head."""

from pathlib import Path

import pytest
import torch
from torch import nn

from signal_perception.models.core import checkpoints, registry
from signal_perception.pipeline.errors import UserError

NAME = "i3d_inception"


def test_released_weights_load_strictly(shared: Path) -> None:
    path = shared / "data" / "weights" / "i3d_inception_kinetics400.pt"
    model = registry.build(NAME, 400, {})
    assert registry.load(NAME, model, path) == []
    file = checkpoints.read(path, None)
    assert len(file) == 344
    assert all(torch.equal(value, file[key]) for key, value in model.state_dict().items())


def test_counters_of_batch_normalisation_may_be_missing() -> None:
    model = registry.build(NAME, 3, {"width": 0.125, "head_pool": [1, 1, 1]})
    own = model.state_dict()
    state = {key: own[key] for key in own if not key.endswith("num_batches_tracked")}
    assert len(own) - len(state) == 57
    assert checkpoints.load(model, state, NAME) == []


@pytest.mark.parametrize(("width", "channels"), [(1.0, 1024), (0.125, 128), (0.01, 10)])
def test_width_scales_every_channel_count(width: float, channels: int) -> None:
    model = registry.build(NAME, 3, {"width": width})
    assert model.get_parameter("logits.conv3d.weight").shape == (3, channels, 1, 1, 1)
    assert model.get_parameter("Conv3d_1a_7x7.conv3d.weight").shape[0] == max(1, round(64 * width))


def test_logits_are_the_mean_over_every_window_of_the_head() -> None:
    model = registry.build(NAME, 3, {"width": 0.125, "head_pool": [1, 1, 1]}).eval()
    shapes: list[tuple[int, ...]] = []
    values: list[torch.Tensor] = []

    def record(_module: nn.Module, _args: object, output: torch.Tensor) -> None:
        shapes.append(tuple(output.shape))
        values.append(output)

    hook = model.get_submodule("logits").register_forward_hook(record)
    with torch.inference_mode(), hook:
        logits = model(torch.randn(2, 3, 16, 64, 64))
    assert shapes == [(2, 3, 2, 2, 2)]
    torch.testing.assert_close(logits, values[0].flatten(2).mean(2))


def test_a_head_pool_that_does_not_fit_is_refused_with_the_numbers() -> None:
    model = registry.build(NAME, 3, {"width": 0.125})
    message = r"\(2, 7, 7\).*is \(2, 2, 2\): give .*at least 9 frames of 193 × 193, or .*\.$"
    with pytest.raises(UserError, match=message):
        model(torch.zeros(1, 3, 16, 64, 64))


@pytest.mark.parametrize("numbers", [{"width": 0.0}, {"head_pool": [0, 7, 7]}])
def test_impossible_numbers_are_refused(numbers: dict) -> None:
    with pytest.raises(UserError, match=r"^Model i3d_inception has .*: choose positive numbers\.$"):
        registry.build(NAME, 3, numbers)
