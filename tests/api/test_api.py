"""For notebooks: models, what they compute, noise on them, stores and tables."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import signal_perception
from signal_perception import (
    load_model,
    open_activations,
    perturbed,
    predict,
    read_clips,
    record,
    tables,
)
from signal_perception.api.model import LoadedModel
from signal_perception.clips.transforms import normalise
from signal_perception.extract import store as stores
from signal_perception.extract import store_writer
from signal_perception.extract.store import Part, StoreFacts, TapFacts
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.pipeline.errors import UserError
from signal_perception.report.results.columns import TABLES
from signal_perception.synthesise import videos
from signal_perception.synthesise.videos import CLASSES
from tests.support import notebook
from tests.support.notebook import MODEL


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = notebook.project(tmp_path_factory.mktemp("api") / "project")
    notebook.write_weights(folder)
    return folder


@pytest.fixture(scope="module")
def model(root: Path) -> LoadedModel:
    return load_model(MODEL, project=root)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video of each class."""
    folder = tmp_path_factory.mktemp("videos")
    videos.write(folder, train_per_class=0, test_per_class=1, frames=12, size=48)
    return folder


def _clip(model: LoadedModel, number: int = 1) -> np.ndarray:
    asked = model.input
    shape = (number, asked.frames, asked.size, asked.size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_all_names_are_there_and_explain_themselves() -> None:
    listed = [name for name in dir(signal_perception) if not name.startswith("_")]
    for name in ("load_model", "record", "perturbed", "open_activations", "tables", "predict"):
        assert name in listed
        assert getattr(signal_perception, name).__doc__
        assert f"    {name} " in (signal_perception.__doc__ or "")
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        signal_perception.nosuch  # noqa: B018


def test_importing_the_package_and_reading_tables_imports_no_torch(root: Path) -> None:
    code = (
        "import sys, signal_perception\n"
        f"assert len(signal_perception.tables('depth', project={str(root)!r}))\n"
        "assert 'torch' not in sys.modules"
    )
    path = {"PYTHONPATH": ":".join(sys.path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_model_knows_what_it_was_trained_for(model: LoadedModel) -> None:
    assert (model.name, model.dataset, model.seed) == (MODEL, "shapes", 0)
    assert model.classes == CLASSES
    assert not model.network.training
    assert model.input.frames == 8


def test_a_file_says_all_that_is_needed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "by_mail.safetensors").write_bytes(
        (root / f"data/weights/shapes/{MODEL}-0.safetensors").read_bytes()
    )
    model = load_model(weights=tmp_path / "by_mail.safetensors", project=root)
    assert (model.name, model.classes) == (MODEL, CLASSES)
    renamed = load_model(weights=model.weights, labels=list("abcdefgh"), project=root)
    assert renamed.classes == tuple("abcdefgh")


def test_without_weights_there_is_a_sentence_and_no_random_model(root: Path) -> None:
    with pytest.raises(
        UserError, match=rf"no data/weights/shapes/swin-0.safetensors \(there: {MODEL}-0"
    ):
        load_model("swin", project=root)
    with pytest.raises(UserError, match="swin-7"):
        load_model("swin", dataset="shapes", seed=7, project=root)


def test_the_protocol_is_that_of_the_models_entry(root: Path) -> None:
    assert load_model(MODEL, project=root).reading.views.clips == 1
    assert load_model(MODEL, protocol=True, project=root).reading.views.clips >= 1


def test_record_gives_what_a_plain_forward_pass_gives(model: LoadedModel) -> None:
    clips = _clip(model, 2)
    found = record(model, clips)
    taps = [tap for tap in registry.taps(MODEL, model.network) if tap.side == "stream"]
    assert list(found) == [tap.name for tap in taps]
    images = normalise(torch.from_numpy(clips), model.input.mean, model.input.std)
    with torch.inference_mode(), capture(model.network, taps) as expected:
        model.network(images)
    for tap in taps:
        assert found[tap.name].dtype == np.float32 and found[tap.name].ndim == 5
        np.testing.assert_array_equal(found[tap.name], expected[tap.name].numpy())
    one = record(model, clips[0], taps=["mlp"])
    assert list(one) == [tap.name for tap in taps if tap.kind == "mlp"]
    assert record(model, clips[0], taps=["00.mlp.branch"])["00.mlp.branch"].shape[0] == 1


def test_record_refuses_what_is_no_clip_and_no_tap(model: LoadedModel) -> None:
    with pytest.raises(UserError, match=r"is uint8 \(8, 16, 16, 3\).*this one is uint8 \(1, 7, 16"):
        record(model, _clip(model)[:, :7])
    with pytest.raises(UserError, match="this one is float32"):
        record(model, _clip(model).astype(np.float32))
    with pytest.raises(UserError, match=r"has no tap 'conv'; its kinds are temporal_attn, "):
        record(model, _clip(model), taps=["conv"])


def test_perturbed_is_noise_inside_and_clean_outside(model: LoadedModel) -> None:
    clip = _clip(model)
    before = record(model, clip)
    with perturbed(model, "spatial_attn.v", pool="rear", sigma=0.5) as disturbance:
        inside = record(model, clip)
    after = record(model, clip)
    first = min(disturbance.blocks)
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name])
        same = np.array_equal(values, inside[name])
        assert same == (int(name[:2]) < first or name == f"{first:02}.temporal_attn"), name
    with (
        pytest.raises(UserError, match="no component 'conv' to disturb; choose one of k, mlp"),
        perturbed(model, "conv", sigma=0.5),
    ):
        pass


def test_predict_walks_folders_and_answers_for_bad_files(
    model: LoadedModel, filmed: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    found = list(predict(model, [filmed, tmp_path / "text.mp4"], top=2))
    assert [each.video.parent.name for each in found[:-1]] == list(CLASSES)
    for each in found[:-1]:
        assert each.probabilities is not None and len(each.best) == 2
        assert each.probabilities.sum() == pytest.approx(1)
        assert each.best[0] == (
            CLASSES[int(each.probabilities.argmax())],
            each.probabilities.max(),
        )
    assert found[-1].refused and found[-1].best == ()
    alone = next(predict(model, found[3].video))
    np.testing.assert_allclose(alone.probabilities, found[3].probabilities)


def test_the_clips_of_a_video_are_those_that_are_predicted(
    model: LoadedModel, filmed: Path, tmp_path: Path
) -> None:
    video = next(filmed.rglob("*.mp4"))
    clips = read_clips(model, video)
    assert clips.dtype == torch.uint8 and tuple(clips.shape) == (1, 8, 16, 16, 3)
    logits = torch.from_numpy(model.scorer.logits(clips)[0])
    found = next(predict(model, video)).probabilities
    np.testing.assert_allclose(torch.softmax(logits.double(), 0), found, rtol=1e-6)
    with pytest.raises(UserError, match=r"gone.mp4 was refused: no such file; give another one"):
        read_clips(model, tmp_path / "gone.mp4")


def test_activations_are_opened_by_xarray(root: Path) -> None:
    xarray = pytest.importorskip("xarray")
    path = root / "data/activations/shapes/swin/shapes-0.zarr"
    path.parent.mkdir(parents=True)
    part = Part(ids=("a", "b"), groups=("a", "b"), labels=("grows", "shrinks"), clips=1)
    tap = TapFacts("00.mlp", "mlp", 0, "stream", 2.0, 0, (4, 2, 2, 3), 1e-6, 1e-6, 1e-6, "float32")
    facts = StoreFacts(("clip", "static"), 0.1, "ab" * 32, "none", None, part)
    store_writer.create(path, facts, [tap])
    store_writer.finish(path, facts, [tap])
    tree = open_activations("shapes", "swin", project=root)
    assert isinstance(tree, xarray.DataTree)
    values = tree["activations/00.mlp"]["activation"]
    assert values.dims == stores.DIMENSIONS
    assert values.sel(input="static", video="b").shape == (4, 2, 2, 3)
    with pytest.raises(UserError, match=r"no data/activations/shapes/i3d/shapes-0.zarr \(there: "):
        open_activations("shapes", "i3d", project=root)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("depth", "tables/depth"),
        ("classes", "tables/classes"),
        ("noise", "tables/noise"),
        ("curves", "curves/shapes"),
        ("decode", "decode"),
    ],
)
def test_tables_hold_the_rows_of_all_files(name: str, folder: str, root: Path) -> None:
    found = tables(name, project=root)
    files = sorted((root / "reports" / folder).glob("*.csv"))
    files = [file for file in files if "shapes" in str(file.relative_to(root))]
    assert len(found) == sum(len(pd.read_csv(file)) for file in files) > 0
    assert found.columns[0] == "dataset" and set(found["dataset"]) == {"shapes"}
    if name != "decode":
        assert list(found.columns[:2]) == ["dataset", "model"]
        assert found["model"].nunique() == len(files)


def test_accuracy_and_table1(root: Path) -> None:
    found = tables("accuracy", project=root).set_index("model")
    table1 = tables("table1", project=root).set_index("model")
    assert set(found.index) == set(table1.index)
    for model, row in found.iterrows():
        assert row["correct1"] == table1.loc[model, "correct1"]


def test_a_class_called_na_is_a_name(root: Path, tmp_path: Path) -> None:
    folder = notebook_with_class(tmp_path, root, "NA")
    assert tables("classes", project=folder)["class"].tolist() == ["NA", "1"]


def notebook_with_class(tmp_path: Path, root: Path, label: str) -> Path:
    """A project whose only table of classes has a class of this name, and one called 1."""
    folder = tmp_path / "named"
    folder.mkdir()
    for part in ("dvc.yaml", "params.yaml", "params"):
        (folder / part).symlink_to(root / part)
    table = folder / "reports/tables/classes/shapes-swin-0.csv"
    table.parent.mkdir(parents=True)
    header = ",".join(TABLES["classes"].columns)
    rows = f"{label},3,1,33,,,1,1,1\n1,2,1,50,0.5,60,1,1,1\n"
    table.write_text(f"{header}\n{rows}", encoding="utf-8")
    return folder


def test_what_has_no_table_is_a_sentence(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no table 'spectrum'; the study has accuracy, calibration"):
        tables("spectrum", project=root)
    empty = notebook_with_class(tmp_path, root, "a")
    with pytest.raises(UserError, match="no results for 'noise' yet; make them"):
        tables("noise", project=empty)
    with pytest.raises(UserError, match=r"is no project: it lacks dvc\.yaml"):
        tables("noise", project=tmp_path)
