"""Every model against the authors' own outputs, case by case (`make parity` prints the table)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from tests.models.contract import SHIPPED
from tests.support import authors, fill, parity
from tests.support.layouts import LAYOUTS
from tests.support.references import REFERENCES

CASES = [(name, label) for name, reference in REFERENCES.items() for label in reference.cases]
VARIANTS = [
    (name, variant) for name, reference in REFERENCES.items() for variant in reference.variants
]


def check(rows: list[parity.Row]) -> None:
    """Every row compares something and differs by no more than is allowed."""
    for row in rows:
        assert row.compared > 0, row
        assert row.difference <= row.allowed, row


def test_every_model_of_the_project_has_a_reference() -> None:
    assert set(SHIPPED) <= set(REFERENCES) <= set(registry.names())


@pytest.mark.parametrize(("name", "label"), CASES)
def test_equals_the_authors_code_where_probed(name: str, label: str) -> None:
    model, ours = parity.committed_run(name, label)
    expected = authors.committed_expected(name, label)
    assert {each.name for each in expected} == {
        "logits",
        *(tap.name for tap in registry.taps(name, model)),
    }
    check(parity.compare(name, label, ours, expected))


def test_pieces_equal_the_authors_code() -> None:
    check(parity.pieces(None))


def test_a_small_mistake_would_be_seen() -> None:
    """Half a percent on one row of weights of one block.

    Later taps and the logits differ by more than is allowed, earlier ones do not.
    """
    for name, label in (
        ("swin", "base"),
        ("videomae_v1", "base"),
        ("uniformer_v2", "sth_like"),
        ("i3d", "net_8x64x64"),
    ):
        case = authors.committed_case(name, label)
        model, _ = parity.run(name, case)
        piece = next(piece for piece in registry.weights(name, model) if piece.block == 1)
        with torch.no_grad():
            model.get_parameter(piece.parameter)[piece.start] *= 1.005
        with torch.inference_mode(), capture(model, registry.taps(name, model)) as found:
            logits = model(authors.clips(case))
        ours = {"logits": logits.numpy(), **{tap: x.numpy() for tap, x in found.items()}}
        rows = parity.compare(name, label, ours, authors.committed_expected(name, label))
        wrong = {row.tensor for row in rows if row.difference > row.allowed}
        assert "logits" in wrong, name
        assert not any(tensor.startswith("00.") for tensor in wrong), name


@pytest.mark.parametrize(("name", "label"), CASES)
def test_equals_the_authors_code_everywhere(name: str, label: str, shared: Path) -> None:
    folder = shared / "reference"
    case = authors.small_case(folder, name, label)
    assert case == authors.committed_case(name, label)
    model, ours = parity.committed_run(name, label)
    expected = authors.small_expected(folder, name, label, model, ours)
    check(parity.compare(name, label, ours, expected))

    full = {each.name: each for each in expected}
    for committed in authors.committed_expected(name, label):
        places, values = full[committed.name].places, full[committed.name].values
        order = np.argsort(places)
        at = np.searchsorted(places[order], committed.places)
        np.testing.assert_array_equal(
            committed.values.astype(np.float32), values[order][at].astype(np.float32)
        )

    state = {key: value.numpy() for key, value in authors.filled(case.state).items()}
    own = model.state_dict() | dict(model.named_buffers())
    for key, shape in case.state:
        # the authors' files hold it; ours is computed
        if key.endswith("relative_position_index"):
            path = key.removeprefix("backbone.").replace(".attn.", ".joint_attn.attn.")
            state[key] = own[path].numpy().reshape(shape)
    facts = json.loads((folder / REFERENCES[name].folder / "small.json").read_text())["cases"][
        label
    ]
    assert fill.digest(state) == facts["weights_sha256"]


def test_no_case_of_the_references_is_left_out(shared: Path) -> None:
    for name, reference in REFERENCES.items():
        folder = shared / "reference" / reference.folder
        small = json.loads((folder / "small.json").read_text())["cases"]
        pieces = {f"{kind}_{size}" for kind in parity.PIECES for size in parity.PIECE_SIZES}
        assert set(small) - (pieces if name == "i3d_inception" else set()) == set(reference.cases)
        assert set(json.loads((folder / "full.json").read_text())["variants"]) == set(
            reference.variants
        )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_full_size_equals_the_authors_code(name: str, variant: str, shared: Path) -> None:
    folder = shared / "reference"
    case = authors.full_case(folder, name, variant)
    model, ours = parity.run(name, case)
    check(
        parity.compare(
            name, variant, ours, authors.full_expected(folder, name, variant, model, ours)
        )
    )
    own = model.state_dict()
    # mmaction2 has no such network
    is_local = name == "uniformer_v2" and any(".local_attn" in key for key in own)
    for layout, (names, convert) in LAYOUTS.items():
        if name in names and not (is_local and layout == "mmaction2") and variant != "vit_g_16x224":
            other = registry.build(name, case.classes, case.network)
            assert registry.load_state(name, other, convert(name, authors.filled(case.state))) == []
            loaded = other.state_dict()
            assert all(torch.equal(loaded[key], own[key]) for key in loaded), layout
