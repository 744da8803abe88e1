"""Weights in every layout in which users meet them.

They load strictly and give the authors' logits; damaged ones are refused by name.
"""

import json
from pathlib import Path

import pytest
import torch

from signal_perception.models.core import registry
from signal_perception.pipeline.errors import UserError
from tests.support import authors
from tests.support.layouts import HUGGING_FACE, LAYOUTS, MMACTION2, renamed
from tests.support.references import REFERENCES

EVERY = [(layout, name) for layout, (names, _) in LAYOUTS.items() for name in names]
each_layout = pytest.mark.parametrize(("layout", "name"), EVERY)


def foreign(layout: str, name: str) -> tuple[authors.Case, dict[str, torch.Tensor]]:
    """The first small case of a model, and its weights in a layout."""
    case = authors.committed_case(name, next(iter(REFERENCES[name].cases)))
    return case, LAYOUTS[layout][1](name, authors.filled(case.state))


def logits(name: str, case: authors.Case, state: dict[str, torch.Tensor]) -> torch.Tensor:
    model = registry.build(name, case.classes, case.network).eval()
    assert registry.load_state(name, model, state) == []
    with torch.inference_mode():
        return model(authors.clips(case))


@each_layout
def test_a_layout_gives_the_authors_logits(layout: str, name: str) -> None:
    case, state = foreign(layout, name)
    committed = authors.committed_expected(name, next(iter(REFERENCES[name].cases)))
    (expected,) = [each for each in committed if each.name == "logits"]
    found = logits(name, case, state).numpy().ravel()[expected.places]
    assert abs(found - expected.values).max() <= expected.allowed


@each_layout
@pytest.mark.parametrize("damage", ["dropped", "renamed", "misshapen"])
def test_damaged_weights_are_refused_by_name(layout: str, name: str, damage: str) -> None:
    case, state = foreign(layout, name)
    model = registry.build(name, case.classes, case.network)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    matrices = [key for key, value in state.items() if value.ndim >= 2]
    # a weight inside a block
    key = matrices[len(matrices) // 2]
    value = state.pop(key)
    if damage == "renamed":
        state[f"{key}_old"] = value
    if damage == "misshapen":
        state[key] = value[:-1]
    words = {
        "dropped": r"1 missing \(",
        "renamed": r"1 missing \(.*\d unexpected \(.*_old",
        "misshapen": r" has \(.*the model \(.*\.$",
    }
    with pytest.raises(UserError, match=f"do not fit {name}.*{words[damage]}"):
        registry.load_state(name, model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@each_layout
def test_half_precision_loads_as_float32(layout: str, name: str) -> None:
    case, state = foreign(layout, name)
    half = {
        key: value.half() if value.is_floating_point() else value for key, value in state.items()
    }
    model = registry.build(name, case.classes, case.network)
    registry.load_state(name, model, half)
    assert all(value.dtype == torch.float32 for value in model.parameters())
    exact = logits(name, case, state)
    torch.testing.assert_close(logits(name, case, half), exact, rtol=0, atol=0.05)


@each_layout
def test_a_head_of_another_size_is_set_aside_in_every_layout(layout: str, name: str) -> None:
    case, state = foreign(layout, name)
    model = registry.build(name, case.classes + 3, case.network)
    aside = registry.load_state(name, model, state)
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
    """transformers' own model with random weights, and with the authors' in the table's layout.

    Both are loaded strictly.
    """
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install -e '.[dev]'"
    )
    case, state = foreign("hugging face", name)
    numbers = {
        "num_hidden_layers": 2,
        "hidden_size": 48,
        "num_attention_heads": 3,
        "intermediate_size": 192,
        "image_size": 64,
        "num_frames": 4,
        "num_labels": case.classes,
        "layer_norm_eps": 1e-6,
    }
    if name.startswith("videomae"):
        config = transformers.VideoMAEConfig(**numbers)
        peer = transformers.VideoMAEForVideoClassification(config).eval()
        # it takes PyTorch's 1e-5 there, whatever the configuration says
        peer.fc_norm.eps = 1e-6
    else:
        attention = f"{name.removeprefix('timesformer_')}_space_time"
        config = transformers.TimesformerConfig(**numbers, attention_type=attention)
        peer = transformers.TimesformerForVideoClassification(config).eval()
    torch.manual_seed(0)
    random = {key: torch.randn_like(value) * 0.1 for key, value in peer.state_dict().items()}
    for weights in (random, state):
        peer.load_state_dict(weights, strict=True)
        with torch.inference_mode():
            theirs = peer(authors.clips(case).transpose(1, 2)).logits
        torch.testing.assert_close(logits(name, case, weights), theirs, rtol=0, atol=1e-4)


def test_equals_torchvision() -> None:
    """torchvision's own Video Swin with random weights, and with the authors' in its layout."""
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
    own = peer.state_dict()
    index = {key: own[key] for key in own if key.endswith("_index")}
    random = {key: torch.randn_like(own[key]) * 0.1 for key in own if key not in index}
    for weights in (random, state):
        peer.load_state_dict(weights | index, strict=True)
        with torch.inference_mode():
            theirs = peer(authors.clips(case))
        ours = logits("swin", case, weights | index)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", sorted(MMACTION2))
def test_knows_every_key_of_mmaction2(name: str, shared: Path) -> None:
    """The table is mmaction2's own, and its full-size files fit by names and shapes."""
    folder = shared / "reference" / REFERENCES[name].folder
    pairs = json.loads((folder / "mmaction2_mapping.json").read_text())["expanded"]
    for theirs, official, how in pairs:
        if official is not None:
            assert how == "identity"
            assert list(renamed({official: torch.zeros(())}, MMACTION2[name])) == [theirs]
    variants = json.loads((folder / "mmaction2_keys.json").read_text())["variants"]
    for variant, facts in variants.items():
        network = {"embed_dim": 128, "heads": [4, 8, 16, 32]} if variant == "swin_base" else {}
        check_fit(name, network, {key["key"]: key["shape"] for key in facts["keys"]})


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_knows_every_key_of_the_released_files(name: str, shared: Path) -> None:
    folder = shared / "reference" / REFERENCES[name].folder
    for variant, facts in json.loads((folder / "keys.json").read_text())["variants"].items():
        network = dict(REFERENCES[name].variants[variant])
        check_fit(name, network, {key["file_key"]: key["shape"] for key in facts["keys"]})


def check_fit(name: str, network: dict, shapes: dict[str, list[int]]) -> None:
    """Whether a file's keys and shapes are those of the model, without computing anything."""
    with torch.device("meta"):
        file = {key: torch.empty(shape) for key, shape in shapes.items()}
        state = registry.module(name).from_checkpoint(file)
        biases = ("head.bias", "logits.conv3d.bias")
        classes = next(len(state[key]) for key in state if key in biases)
        own = registry.build(name, classes, network).state_dict()
    assert {key: state[key].shape for key in state} == {key: own[key].shape for key in own}


def test_a_mixed_file_is_refused() -> None:
    with pytest.raises(UserError, match=r"'head\.weight' twice, .*: use a file with one layout\.$"):
        registry.module("timesformer_divided").from_checkpoint(
            {"head.weight": torch.zeros(1), "cls_head.fc_cls.weight": torch.zeros(1)}
        )
