"""TimeSformer: what starts at zero, rows of q, k and v, refused sizes, resized tables."""

import pytest
import torch

from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline.errors import UserError

NAME = "timesformer_divided"
SMALL = {"img_size": 64, "frames": 4, "embed_dim": 48, "depth": 2, "heads": 3}


@pytest.mark.parametrize("zero_start", [True, False])
def test_temporal_attention_starts_at_zero_unless_trained_from_nothing(zero_start: bool) -> None:
    model = registry.build(NAME, 3, {**SMALL, "zero_start": zero_start}).eval()
    assert bool(model.get_parameter("time_embed").any()) is not zero_start
    clip = torch.randn(1, 3, 4, 64, 64)
    taps = registry.taps(NAME, model)
    with torch.inference_mode(), capture(model, taps) as found:
        model(clip)
    for tap in taps:
        if tap.side == "branch":
            assert bool(found[tap.name].any()) is (tap.kind != "temporal_attn" or not zero_start)


def test_q_k_and_v_are_the_rows_they_are_said_to_be() -> None:
    """Doubling q and halving k changes nothing, nor does doubling v and halving the projection.

    Doubling any of them alone does.
    """
    torch.manual_seed(0)
    model = registry.build(NAME, 3, SMALL).eval()
    for parameter in model.parameters():
        # biases stay zero, so that scaling weights scales all of the projection
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.1)
    clip = torch.randn(1, 3, 4, 64, 64)
    parts = registry.components(NAME, model)

    @torch.no_grad()
    def logits(**factors: float) -> torch.Tensor:
        clean = {key: value.clone() for key, value in model.state_dict().items()}
        for component, factor in factors.items():
            for piece in parts[component]:
                model.get_parameter(piece.parameter)[piece.start : piece.stop] *= factor
        result = model(clip)
        model.load_state_dict(clean)
        return result

    clean = logits()
    torch.testing.assert_close(logits(q=2.0, k=0.5), clean)
    torch.testing.assert_close(logits(v=2.0, proj=0.5), clean)
    for lone in ("q", "k", "v", "proj"):
        assert not torch.allclose(logits(**{lone: 2.0}), clean, atol=1e-3), lone


def test_frames_that_patches_do_not_tile_are_refused() -> None:
    model = registry.build(NAME, 3, SMALL)
    with pytest.raises(
        UserError, match=r"^Frames of 50 × 64 cannot be cut into patches of 16: .*\.$"
    ):
        model(torch.zeros(1, 3, 4, 50, 64))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            {"embed_dim": 50, "heads": 3},
            r"50 cannot be split among heads = 3: choose a divisor of 50\.$",
        ),
        (
            {"img_size": 40},
            r"^The img_size = 40 is no multiple of patch_size = 16: choose one that is\.$",
        ),
    ],
)
def test_impossible_numbers_are_refused(network: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.build(NAME, 3, network)


@pytest.mark.parametrize("name", ["timesformer_divided", "timesformer_joint"])
def test_tables_of_another_size_are_resized_as_in_the_forward_pass(name: str) -> None:
    """Tables resized once while loading, or in every forward pass: the same logits."""
    torch.manual_seed(0)
    small = registry.build(name, 3, {**SMALL, "zero_start": False}).eval()
    large = registry.build(
        name, 3, {**SMALL, "img_size": 96, "frames": 6, "zero_start": False}
    ).eval()
    assert registry.load_state(name, large, small.state_dict()) == []
    assert large.get_parameter("pos_embed").shape == (1, 37, 48)
    clip = torch.randn(2, 3, 6, 96, 96)
    with torch.inference_mode():
        assert torch.equal(large(clip), small(clip))
