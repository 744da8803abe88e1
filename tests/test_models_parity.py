"""Every model against the authors' own outputs, case by case (`make parity` prints the table)."""

import json
from pathlib import Path

import fill
import numpy as np
import parity
import pytest
import torch
from layouts import LAYOUTS
from references import REFERENCES

from signal_perception import models
from signal_perception.models.taps import capture

CASES = [(name, label) for name, reference in REFERENCES.items() for label in reference.cases]
VARIANTS = [(name, variant) for name, reference in REFERENCES.items() for variant in reference.variants]


def fine(rows: list[parity.Row]) -> None:
    for row in rows:
        assert row.compared > 0, row
        assert row.difference <= row.allowed, row


def test_every_model_has_a_reference() -> None:
    assert set(REFERENCES) == set(models.names())


@pytest.mark.parametrize(("name", "label"), CASES)
def test_equals_the_authors_code_where_probed(name: str, label: str) -> None:
    model, ours = parity.kept_run(name, label)
    expected = parity.kept_expected(name, label)
    assert {each.name for each in expected} == {"logits", *(tap.name for tap in models.taps(name, model))}
    fine(parity.compare(name, label, ours, expected))


def test_pieces_equal_the_authors_code() -> None:
    fine(parity.pieces(None))


def test_a_small_mistake_would_be_seen() -> None:
    """Half a percent on one weight of one block: later taps and the logits differ by more than is allowed, earlier ones do not."""
    for name, label in (
        ("swin", "base"),
        ("videomae_v1", "base"),
        ("uniformer_v2", "sth_like"),
        ("i3d", "net_8x64x64"),
    ):
        case = parity.kept_case(name, label)
        model, _ = parity.run(name, case)
        piece = next(piece for piece in models.weights(name, model) if piece.block == 1)
        with torch.no_grad():
            model.get_parameter(piece.parameter)[piece.start] *= 1.005
        with torch.inference_mode(), capture(model, models.taps(name, model)) as found:
            logits = model(parity.clips(case))
        ours = {"logits": logits.numpy(), **{tap: x.numpy() for tap, x in found.items()}}
        rows = parity.compare(name, label, ours, parity.kept_expected(name, label))
        wrong = {row.tensor for row in rows if row.difference > row.allowed}
        assert "logits" in wrong, name
        assert not any(tensor.startswith("00.") for tensor in wrong), name


@pytest.mark.parametrize(("name", "label"), CASES)
def test_equals_the_authors_code_everywhere(name: str, label: str, shared: Path) -> None:
    folder = shared / "reference"
    case = parity.small_case(folder, name, label)
    assert case == parity.kept_case(name, label)
    model, ours = parity.kept_run(name, label)
    expected = parity.small_expected(folder, name, label, model, ours)
    fine(parity.compare(name, label, ours, expected))

    whole = {each.name: each for each in expected}
    for kept in parity.kept_expected(name, label):
        at = np.searchsorted(np.sort(whole[kept.name].places), kept.places)
        order = np.argsort(whole[kept.name].places)
        np.testing.assert_array_equal(
            kept.values.astype(np.float32), whole[kept.name].values[order][at].astype(np.float32)
        )

    state = {key: value.numpy() for key, value in parity.filled(case.state).items()}
    own = model.state_dict() | dict(model.named_buffers())
    for key, shape in case.state:
        if key.endswith("relative_position_index"):  # the authors keep it in their files; ours is computed
            path = key.removeprefix("backbone.").replace(".attn.", ".joint_attn.attn.")
            state[key] = own[path].numpy().reshape(shape)
    facts = json.loads((folder / REFERENCES[name].folder / "small.json").read_text())["cases"][label]
    assert fill.digest(state) == facts["weights_sha256"]


def test_no_case_of_the_references_is_left_out(shared: Path) -> None:
    for name, reference in REFERENCES.items():
        folder = shared / "reference" / reference.folder
        small = json.loads((folder / "small.json").read_text())["cases"]
        pieces = {f"{kind}_{size}" for kind in parity.PIECES for size in parity.PIECE_SIZES}
        assert set(small) - (pieces if name == "i3d_inception" else set()) == set(reference.cases)
        assert set(json.loads((folder / "full.json").read_text())["variants"]) == set(reference.variants)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_full_size_equals_the_authors_code(name: str, variant: str, shared: Path) -> None:
    folder = shared / "reference"
    case = parity.full_case(folder, name, variant)
    model, ours = parity.run(name, case)
    fine(parity.compare(name, variant, ours, parity.full_expected(folder, name, variant, model, ours)))
    whole = model.state_dict()
    local = any(".local_attn" in key for key in whole) and name == "uniformer_v2"  # mmaction2 has no such network
    for layout, (names, convert) in LAYOUTS.items():
        if name in names and not (local and layout == "mmaction2") and variant != "vit_g_16x224":
            other = models.build(name, case.classes, case.network)
            assert models.load_state(name, other, convert(name, parity.filled(case.state))) == []
            assert all(torch.equal(value, whole[key]) for key, value in other.state_dict().items()), layout
