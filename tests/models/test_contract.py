"""What every model promises of its forward pass and its segments."""

import pytest
import torch
from torch import nn

from signal_perception.models.core import registry
from signal_perception.models.core.state import fold
from signal_perception.models.core.taps import capture
from tests.models.contract import (
    CLASSES,
    SHIPPED,
    build,
    clips,
    described,
    each_model,
    each_size,
    each_size_of_params,
    shared_model,
    sizes,
    states,
    study,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@each_size
def test_forward_and_backward_reach_every_parameter(name: str, size: str) -> None:
    torch.manual_seed(0)
    # as built, so some gradients may be exactly 0
    model = registry.build(name, CLASSES, described(name, size)[0]).train()
    logits = model(clips(name, size))
    assert logits.shape == (2, CLASSES)
    assert logits.dtype == torch.float32
    nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
    head = [p.grad for key, p in model.named_parameters() if key.startswith(f"{model.classifier}.")]
    assert head
    assert all(bool(grad.any()) for grad in head if grad is not None)


@each_model
def test_every_parameter_matters(name: str) -> None:
    """With nothing at zero, every parameter gets a gradient: the forward pass leaves none out."""
    model = build(name)
    model(clips(name))[:, 0].sum().backward()
    for key, parameter in model.named_parameters():
        grad = parameter.grad
        assert grad is not None, key
        assert grad.any() or key.startswith(f"{model.classifier}."), key


@each_model
def test_a_fresh_model_learns_the_order_of_frames(name: str) -> None:
    """Clips that grow brighter against the same clips backwards: only order tells them apart."""
    torch.manual_seed(0)
    network, (t, h, w) = described(name)
    model = registry.build(name, 2, network).train()
    brighter = 0.3 * torch.randn(6, 3, t, h, w) + torch.linspace(-1, 1, t).view(t, 1, 1)
    both, labels = torch.cat((brighter, brighter.flip(2))), torch.arange(2).repeat_interleave(6)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(both), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 0.4
    assert max(losses[-3:]) < 0.2


@each_size
def test_evaluation_is_deterministic_and_clip_by_clip(name: str, size: str) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    with torch.inference_mode():
        first = model(clip)
        assert torch.equal(model(clip), first)
        torch.testing.assert_close(model(clip[1:]), first[1:], rtol=1e-4, atol=1e-5)


@each_size
def test_segments_are_the_forward_pass_and_can_start_anywhere(name: str, size: str) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    with torch.inference_mode():
        logits = model(clip)
        steps = registry.segments(name, model)
        assert torch.equal(fold(steps, clip), logits)
        for cut, state in enumerate(states(name, model, clip)):
            # each cut goes through half of the network on average
            if size == "base" and cut % 5:
                continue
            # a stored state serves many times, so nothing may be changed in place
            for _ in range(2):
                assert torch.equal(fold(steps[cut:], state), logits), steps[cut].name
    assert len({step.name for step in steps}) == len(steps)
    blocks = [step.block for step in steps if step.block is not None]
    assert blocks == sorted(blocks)
    assert set(blocks) == {tap.block for tap in registry.taps(name, model)}


@each_size
def test_autocast_to_bfloat16_gives_the_logits_roughly(name: str, size: str) -> None:
    model, clip = shared_model(name, size), clips(name, size)
    taps = registry.taps(name, model)
    with torch.inference_mode():
        exact = model(clip)
        with torch.autocast("cpu", torch.bfloat16), capture(model, taps) as found:
            rough = model(clip).float()
    assert rough.isfinite().all()
    assert torch.nn.functional.cosine_similarity(rough, exact).min() > 0.97
    assert not torch.equal(rough, exact)
    assert all(x.dtype == torch.float32 for x in found.values())


@each_model
def test_a_forward_pass_compiles_without_a_graph_break(name: str) -> None:
    model, clip = build(name), clips(name)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.inference_mode():
        torch.testing.assert_close(compiled(clip), model(clip), rtol=1e-4, atol=1e-5)


@each_model
def test_a_model_has_a_size(name: str) -> None:
    assert sizes(name), f"Model {name} has no size; write one into params/models/{name}.yaml."
    assert name not in SHIPPED or {"tiny", "base"} <= set(sizes(name))


@each_size_of_params
def test_the_networks_of_the_study_take_its_clips(name: str, size: str) -> None:
    """On the meta device, which computes shapes only.

    Thirds need a layer each; those of the project's own models have two at least, so that half of
    a third (rho = 0.5) is another share than all of it.
    """
    entry = study().models[name][size]
    with torch.device("meta"):
        model = registry.build(name, CLASSES, entry.network).eval()
        taken = entry.input
        clip = torch.empty(1, 3, taken.frames, taken.size, taken.size)
        assert model(clip).shape == (1, CLASSES)
    disturbed = registry.components(name, model)[entry.disturb]
    least = 6 if name in SHIPPED else 3
    found = len({piece.block for piece in disturbed})
    assert found >= least, f"{entry.disturb} is in {found} blocks; thirds need {least} at least."


# the warning is PyTorch's own, on the way to its compiler
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@each_model
def test_a_compiled_forward_pass_gives_the_same_logits(name: str) -> None:
    model, clip = build(name), clips(name)
    with torch.inference_mode():
        torch.testing.assert_close(torch.compile(model)(clip), model(clip), rtol=1e-3, atol=1e-4)
