"""Weights in every layout in which users meet them load strictly and give the authors' logits; damaged ones are refused by name."""

import json
from pathlib import Path

import parity
import pytest
import torch
from layouts import HUGGING_FACE, LAYOUTS, MMACTION2, renamed
from references import REFERENCES

from signal_perception import models
from signal_perception.errors import UserError
from signal_perception.models import _torchvision  # noqa: F401 — before transformers, which imports torchvision

EVERY = [(layout, name) for layout, (names, _) in LAYOUTS.items() for name in names]
each_layout = pytest.mark.parametrize(("layout", "name"), EVERY)


def foreign(layout: str, name: str) -> tuple[parity.Case, dict[str, torch.Tensor]]:
    """The first small case of a model, and its weights in a layout."""
    case = parity.kept_case(name, next(iter(REFERENCES[name].cases)))
    return case, LAYOUTS[layout][1](name, parity.filled(case.state))


def logits(name: str, case: parity.Case, state: dict[str, torch.Tensor]) -> torch.Tensor:
    model = models.build(name, case.classes, case.network).eval()
    assert models.load_state(name, model, state) == []
    with torch.inference_mode():
        return model(parity.clips(case))


@each_layout
def test_a_layout_gives_the_authors_logits(layout: str, name: str) -> None:
    case, state = foreign(layout, name)
    (expected,) = [
        each for each in parity.kept_expected(name, next(iter(REFERENCES[name].cases))) if each.name == "logits"
    ]
    difference = abs(logits(name, case, state).numpy().ravel()[expected.places] - expected.values).max()
    assert difference <= expected.allowed


@each_layout
@pytest.mark.parametrize("damage", ["dropped", "renamed", "misshapen"])
def test_damaged_weights_are_refused_by_name(layout: str, name: str, damage: str) -> None:
    case, state = foreign(layout, name)
    model = models.build(name, case.classes, case.network)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    matrices = [key for key, value in state.items() if value.ndim >= 2]
    key = matrices[len(matrices) // 2]  # a weight inside a block
    value = state.pop(key)
    if damage == "renamed":
        state[f"{key}_old"] = value
    if damage == "misshapen":
        state[key] = value[:-1]
    words = {
        "dropped": r"1 missing \(",
        "renamed": r"1 missing \(.*\d unexpected \(.*_old",
        "misshapen": r" has \(.*the model \(",
    }
    with pytest.raises(UserError, match=f"do not fit {name}.*{words[damage]}"):
        models.load_state(name, model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@each_layout
def test_half_precision_loads_as_float32(layout: str, name: str) -> None:
    case, state = foreign(layout, name)
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    model = models.build(name, case.classes, case.network)
    models.load_state(name, model, half)
    assert all(value.dtype == torch.float32 for value in model.parameters())
    torch.testing.assert_close(logits(name, case, half), logits(name, case, state), rtol=0, atol=0.05)


@each_layout
def test_a_head_of_another_size_is_set_aside_in_every_layout(layout: str, name: str) -> None:
    case, state = foreign(layout, name)
    model = models.build(name, case.classes + 3, case.network)
    aside = models.load_state(name, model, state)
    assert aside
    assert all(key.startswith(f"{model.classifier}.") for key in aside)


def test_query_and_value_biases_of_videomae_are_really_loaded() -> None:
    for layout in ("authors", "mmaction2", "hugging face", "hugging face 4"):
        for name in ("videomae_v1", "videomae_v2"):
            case, state = foreign(layout, name)
            clean = logits(name, case, state)
            for ending in (("q_bias", "query.bias"), ("v_bias", "value.bias")):
                moved = {key: value + 1.0 * key.endswith(ending) for key, value in state.items()}
                assert (logits(name, case, moved) - clean).abs().max() > 1e-3, (layout, ending)


@pytest.mark.parametrize("name", sorted(HUGGING_FACE))
def test_equals_hugging_face(name: str) -> None:
    """transformers' own model with random weights, and with the authors' weights in the table's layout, loaded strictly."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install -e '.[dev]'")
    case, state = foreign("hugging face", name)
    numbers = {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 3, "intermediate_size": 192}
    size = {"image_size": 64, "num_frames": 4, "num_labels": case.classes}
    if name.startswith("videomae"):
        config = transformers.VideoMAEConfig(**numbers, **size, layer_norm_eps=1e-6)
        peer = transformers.VideoMAEForVideoClassification(config).eval()
        peer.fc_norm.eps = 1e-6  # it takes PyTorch's 1e-5 there, whatever the configuration says
    else:
        attention = {"timesformer_divided": "divided_space_time", "timesformer_joint": "joint_space_time"}[name]
        config = transformers.TimesformerConfig(**numbers, **size, attention_type=attention, layer_norm_eps=1e-6)
        peer = transformers.TimesformerForVideoClassification(config).eval()
    torch.manual_seed(0)
    random = {key: torch.randn_like(value) * 0.1 for key, value in peer.state_dict().items()}
    for weights in (random, state):
        peer.load_state_dict(weights, strict=True)
        with torch.inference_mode():
            theirs = peer(parity.clips(case).transpose(1, 2)).logits
        torch.testing.assert_close(logits(name, case, weights), theirs, rtol=0, atol=1e-4)


def test_equals_torchvision() -> None:
    """torchvision's own Video Swin with random weights, and with the authors' weights in the table's layout."""
    from torchvision.models.video.swin_transformer import SwinTransformer3d

    case, state = foreign("torchvision", "swin")
    network = case.network
    peer = SwinTransformer3d(
        [2, 4, 4],
        network["embed_dim"],
        network["depths"],
        network["heads"],
        network["window"],
        num_classes=case.classes,
    ).eval()
    torch.manual_seed(0)
    index = {key: value for key, value in peer.state_dict().items() if key.endswith("_index")}
    random = {key: torch.randn_like(value) * 0.1 for key, value in peer.state_dict().items() if key not in index}
    for weights in (random, state):
        peer.load_state_dict(weights | index, strict=True)
        with torch.inference_mode():
            theirs = peer(parity.clips(case))
        torch.testing.assert_close(logits("swin", case, weights | index), theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", sorted(MMACTION2))
def test_knows_every_key_of_mmaction2(name: str, shared: Path) -> None:
    """The table above is mmaction2's own, and its full-size files fit the full-size network by names and shapes."""
    folder = shared / "reference" / REFERENCES[name].folder
    pairs = json.loads((folder / "mmaction2_mapping.json").read_text())["expanded"]
    for theirs, official, how in pairs:
        if official is not None:
            assert how == "identity"
            assert list(renamed({official: torch.zeros(())}, MMACTION2[name])) == [theirs]
    for variant, facts in json.loads((folder / "mmaction2_keys.json").read_text())["variants"].items():
        network = {"embed_dim": 128, "heads": [4, 8, 16, 32]} if variant == "swin_base" else {}
        _fits(name, network, {key["key"]: key["shape"] for key in facts["keys"]})


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_knows_every_key_of_the_released_files(name: str, shared: Path) -> None:
    folder = shared / "reference" / REFERENCES[name].folder
    for variant, facts in json.loads((folder / "keys.json").read_text())["variants"].items():
        _fits(name, dict(REFERENCES[name].variants[variant]), {key["file_key"]: key["shape"] for key in facts["keys"]})


def _fits(name: str, network: dict, shapes: dict[str, list[int]]) -> None:
    with torch.device("meta"):
        state = models.module(name).from_checkpoint({key: torch.empty(shape) for key, shape in shapes.items()})
        classes = next(len(value) for key, value in state.items() if key in ("head.bias", "logits.conv3d.bias"))
        own = models.build(name, classes, network).state_dict()
    assert {key: value.shape for key, value in state.items()} == {key: value.shape for key, value in own.items()}


def test_a_mixed_file_is_refused() -> None:
    with pytest.raises(UserError, match=r"'head\.weight' twice"):
        models.module("timesformer_divided").from_checkpoint(
            {"head.weight": torch.zeros(1), "cls_head.fc_cls.weight": torch.zeros(1)}
        )
