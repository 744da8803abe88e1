"""Position tables of another input size, resized while loading; and what starts at zero."""

import math

import pytest
import torch
from torch.nn import functional as F

from signal_perception.models.core import registry
from signal_perception.models.families.videomae import sinusoid
from signal_perception.pipeline.errors import UserError

_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "heads": 2}
VIDEOMAE = {**_VIT, "frames": 4}
UNIFORMER_V2 = {**_VIT, "global_blocks": [1]}


def bicubic(table: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """(n old*old c) → (n new*new c), as the authors' loading code does it."""
    maps = table.unflatten(1, (old, old)).permute(0, 3, 1, 2)
    maps = F.interpolate(maps, size=(new, new), mode="bicubic", align_corners=False)
    return maps.flatten(2).transpose(1, 2)


def test_uniformer_v2_resizes_places_bicubically() -> None:
    torch.manual_seed(0)
    small = registry.build("uniformer_v2", 3, UNIFORMER_V2)
    large = registry.build("uniformer_v2", 3, {**UNIFORMER_V2, "img_size": 48})
    assert registry.load_state("uniformer_v2", large, small.state_dict()) == []
    before, after = (each.get_parameter("positional_embedding") for each in (small, large))
    assert torch.equal(after[:1], before[:1])
    torch.testing.assert_close(after[1:], bicubic(before[None, 1:], 4, 6)[0])
    with pytest.raises(UserError, match=r"takes frames of 48 × 48, and got 32 × 32: set .*\.$"):
        large(torch.zeros(1, 3, 2, 32, 32))


@pytest.mark.parametrize("name", ["videomae_v1", "videomae_v2"])
def test_videomae_resizes_a_learnt_table_frame_by_frame(name: str) -> None:
    torch.manual_seed(0)
    small = registry.build(name, 3, {**VIDEOMAE, "learnable_positions": True})
    large = registry.build(name, 3, {**VIDEOMAE, "learnable_positions": True, "img_size": 48})
    assert registry.load_state(name, large, small.state_dict()) == []
    before, after = small.get_parameter("pos_embed"), large.get_parameter("pos_embed")
    expected = bicubic(before.unflatten(1, (2, 16))[0], 4, 6)
    torch.testing.assert_close(after.unflatten(1, (2, 36))[0], expected)
    longer = registry.build(name, 3, {**VIDEOMAE, "learnable_positions": True, "frames": 8})
    with pytest.raises(UserError, match=r"pos_embed has \(1, 32, 24\), the model \(1, 64, 24\)"):
        registry.load_state(name, longer, small.state_dict())


@pytest.mark.parametrize("name", ["videomae_v1", "videomae_v2"])
def test_videomae_computes_its_sinusoid_for_any_size(name: str) -> None:
    small, large = (registry.build(name, 3, {**VIDEOMAE, "img_size": size}) for size in (32, 48))
    assert "pos_embed" not in small.state_dict()
    assert registry.load_state(name, large, small.state_dict()) == []
    assert torch.equal(large.get_buffer("pos_embed"), sinusoid(2 * 36, 24))
    with pytest.raises(UserError, match=r"takes clips of \(4, 48, 48\).* got \(4, 32, 32\)"):
        large(torch.zeros(1, 3, 4, 32, 32))


def test_the_sinusoid_by_hand() -> None:
    # channels: sin and cos of pos, sin and cos of pos/100
    table = sinusoid(3, 4)[0]
    for position in range(3):
        expected = [f(position / scale) for scale in (1, 100) for f in (math.sin, math.cos)]
        torch.testing.assert_close(table[position], torch.tensor(expected))


@pytest.mark.parametrize("zero_start", [True, False])
def test_the_decoder_of_uniformer_v2_starts_at_zero_unless_trained_from_nothing(
    zero_start: bool,
) -> None:
    """At zero, the logits are those of the frames' class tokens: the order does not matter."""
    torch.manual_seed(0)
    network = {**UNIFORMER_V2, "local_attention": 2, "zero_start": zero_start}
    model = registry.build("uniformer_v2", 3, network).eval()
    clip = torch.randn(2, 3, 4, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(model(clip.flip(2)), model(clip), atol=1e-5) is zero_start
