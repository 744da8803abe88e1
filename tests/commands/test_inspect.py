"""`signal-perception inspect`: every product says what it is, anything else is one sentence."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from safetensors.numpy import save_file

from signal_perception.commands import products
from signal_perception.commands.inspect import inspect
from signal_perception.extract import store_writer
from signal_perception.extract.store import Part, StoreFacts, TapFacts
from signal_perception.features import store as features
from signal_perception.inference import described
from signal_perception.pipeline.errors import UserError
from tests.support import tiny_model
from tests.support.clips import make_store

PART = Part(ids=("a", "b"), groups=("a", "b"), labels=("grows", "shrinks"), clips=1)
TAP = TapFacts("00.mlp", "mlp", 0, "stream", 2.0, 0, (4, 2, 2, 3), 1e-6, 1e-6, 1e-6, "float32")


def _sizes(product: products.Product) -> int:
    return sum(array.size or 0 for array in product.arrays)


def test_a_clip_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store(tmp_path / "test.zarr", range(5))
    found = products.look(store.path)
    assert found.kind.startswith("a clip store")
    assert found.facts["videos"] == 5
    assert found.facts["classes"] == list(store.classes)
    assert sum(found.facts["videos per class"].values()) == 5
    assert found.facts["frames"] == store.frames.sum()
    assert {array.name: array.shape for array in found.arrays}["sizes"] == (5, 2)
    assert found.size == sum(
        file.stat().st_size for file in store.path.rglob("*") if file.is_file()
    )
    inspect(store.path, as_json=False)
    text = capsys.readouterr().out
    assert f"{store.path}: a clip store" in text and "ClipStore(Path(" in text


def test_an_activation_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shapes/swin/shapes-0.zarr"
    path.parent.mkdir(parents=True)
    facts = StoreFacts(("clip", "static"), 0.1, "ab" * 32, "none", None, PART)
    store_writer.create(path, facts, [TAP])
    store_writer.finish(path, facts, [TAP])
    inspect(path, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["facts"]["videos with activations"] == 2
    assert found["facts"]["videos with means"] == 0
    assert found["facts"]["classes"] == ["grows", "shrinks"]
    assert found["attributes"]["weights_sha256"] == "ab" * 32
    assert [(each["name"], each["shape"]) for each in found["arrays"]] == [
        ("activations/00.mlp/activation", [2, 2, 4, 2, 2, 3])
    ]
    assert found["opens"].startswith('signal_perception.open_activations("shapes", "swin")')


def test_weights_of_ours_and_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tiny_model.write_weights(tmp_path / "own.safetensors")
    found = products.look(own)
    assert found.kind == "weights of somebody else's model"
    assert "--labels FILE" in found.opens
    scorer = tiny_model.scorer()
    said = described.Described(
        model=tiny_model.MODEL,
        network=tiny_model.NETWORK,
        input=scorer.input,
        classes=("a", "b", "c"),
        dataset="shapes",
        seed=3,
        trained=True,
    )
    described.save(scorer.model, own, said)
    found = products.look(own)
    assert found.kind == "weights of a model"
    assert (found.facts["classes"], found.facts["seed"]) == (["a", "b", "c"], 3)
    assert found.facts["values"] == sum(each.numel() for each in scorer.model.state_dict().values())
    assert found.attributes["input"]["frames"] == 4
    inspect(own, as_json=False)
    text = capsys.readouterr().out
    assert f"signal-perception predict VIDEO --weights {own}\n" in text
    save_file({f"{n:03}": np.zeros(2, np.float32) for n in range(50)}, tmp_path / "50.safetensors")
    inspect(tmp_path / "50.safetensors", as_json=False)
    assert "and 10 more arrays; --json lists them all" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (("control", "video", "label", "rank"), "predictions of every test video"),
        (("transform", "control", "tap", "video", "bin"), "spectra of every tap"),
        (("cell", "repeat", "video", "label"), "scores of every video in every cell"),
        (("x",), "a table"),
    ],
)
def test_tables(columns: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    table = pd.DataFrame({name: ["a", "b", "a"] for name in columns})
    table.to_parquet(tmp_path / "table.parquet")
    found = products.look(tmp_path / "table.parquet")
    assert found.kind.startswith(kind)
    assert found.facts["rows"] == 3
    assert [array.name for array in found.arrays] == list(columns)
    assert 0 < _sizes(found) < found.size
    if "control" in columns:
        assert found.facts["different control"] == ["a", "b"]


def test_features(tmp_path: Path) -> None:
    index = features.Index(
        ("a", "b"), ("a", "b"), ("grows", "grows"), 1, ("grows",), ("00.mlp",), ("mlp",), (0,), "ab"
    )
    path = tmp_path / "features.npz"
    features.write(path, index, iter([np.zeros((2, 5), np.float32)]))
    found = products.look(path)
    assert found.kind.startswith("features")
    assert (found.facts["training videos"], found.facts["test videos"]) == (1, 1)
    shapes = {array.name: (array.shape, array.dtype) for array in found.arrays}
    assert shapes["features/00.mlp"] == ((2, 5), "float32")
    assert found.opens.endswith('.tap("00.mlp")')


def test_a_store_of_somebody_else(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "other.zarr", attributes={"made": "by hand"})
    group.create_array("a", data=np.zeros(3))
    found = products.look(tmp_path / "other.zarr")
    assert found.kind == "a zarr group"
    assert found.attributes == {"made": "by hand"}
    assert [(array.name, array.shape) for array in found.arrays] == [("a", (3,))]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch", "There is no .*nosuch; make it"),
        ("folder", "folder is no product that inspect knows; it looks at stores"),
        ("text.csv", "text.csv is no product that inspect knows"),
        ("text.npz", "text.npz is no intact NumPy archive"),
        ("text.parquet", "text.parquet is no intact Parquet file"),
        ("text.safetensors", "text.safetensors is no intact safetensors file"),
        ("folder.npz", "folder.npz is no product that inspect knows"),
        ("broken.zarr", "broken.zarr is no intact store"),
    ],
)
def test_anything_else_is_one_sentence(name: str, message: str, tmp_path: Path) -> None:
    for folder in ("folder", "folder.npz", "broken.zarr"):
        (tmp_path / folder).mkdir()
    (tmp_path / "broken.zarr/zarr.json").write_text("{", encoding="utf-8")
    for suffix in ("csv", "npz", "parquet", "safetensors"):
        (tmp_path / f"text.{suffix}").write_text("some text, no product", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        products.look(tmp_path / name)
