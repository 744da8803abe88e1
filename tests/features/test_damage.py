"""Damage to a file of features is caught wherever it hits; files of other weights are refused."""

from pathlib import Path

import numpy as np
import pytest

from signal_perception.commands import products
from signal_perception.features import store
from signal_perception.features.store import Features
from signal_perception.pipeline.errors import UserError
from tests.support.damage import Values, trials

TAPS = ("00.mlp", "01.mlp")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    index = store.Index(
        tuple("abcde"),
        tuple("ggghh"),
        tuple("xyxyx"),
        3,
        ("x", "y"),
        TAPS,
        ("mlp",) * 2,
        (0, 1),
        "ab" * 32,
        "shapes-start/swin-0",
    )
    values = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)
    store.write(tmp_path / "f.npz", index, iter(values))
    return tmp_path / "f.npz"


def _read(file: Path) -> Values:
    found = Features(file)
    values = {f"{tap}/{part}": x for tap in TAPS for part, x in enumerate(found.tap(tap))}
    return values | {"index": np.array(repr(found.index))}


@pytest.mark.parametrize("count", [400, pytest.param(4000, marks=pytest.mark.slow)])
def test_damage_is_caught_or_harmless(file: Path, count: int) -> None:
    found = trials(file, lambda: _read(file), count)
    assert found["caught"] > count / 2
    print(f"\nfeatures: {dict(found)}, silent 0")


def test_an_array_that_says_it_is_smaller_is_caught(file: Path) -> None:
    content = file.read_bytes()
    # a part of an entry has no checksum, and of a large one NumPy would read no more
    assert b"'shape': (5, 6)" in content
    file.write_bytes(content.replace(b"'shape': (5, 6)", b"'shape': (4, 6)"))
    with pytest.raises(UserError, match=r"f\.npz is damaged \(Bad CRC-32.*or run the stage feat"):
        Features(file).tap("00.mlp")


def test_files_that_are_none_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.npz is missing: delete it and restore it"):
        Features(tmp_path / "no.npz").tap("00.mlp")
    with pytest.raises(UserError, match=r"damaged \(.*nosuch"):
        Features(file).tap("nosuch")
    file.write_bytes(b"")
    with pytest.raises(UserError, match=r"f\.npz is damaged"):
        Features(file).tap("00.mlp")
    with pytest.raises(UserError, match=r"f\.npz is no intact NumPy archive"):
        products.look(file)


def test_features_of_other_weights_are_refused(file: Path) -> None:
    Features(file).require_weights("shapes-start/swin-0")
    with pytest.raises(UserError) as refused:
        Features(file).require_weights("shapes/swin-0")
    assert str(refused.value) == (
        f"{file} has features of the weights shapes-start/swin-0, not of shapes/swin-0; run the "
        "stage features again."
    )
