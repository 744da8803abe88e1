"""params.yaml is refused for every mistake, by the full name of the key, in one sentence."""

from pathlib import Path

import pytest
from project import ROOT, change
from ruamel.yaml import YAML

from signal_perception import params
from signal_perception.errors import UserError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def _refusal(file: Path) -> str:
    with pytest.raises(UserError) as caught:
        params.load(file)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_committed_parameters_are_right() -> None:
    settings = params.load(ROOT / "params.yaml")
    assert settings.model("i3d_inception").input.frames == 16
    assert len(settings.study.datasets) == 1


MISTAKES = {
    "study.sise": ("tiny", "study.sise is no known key; did you mean study.size?"),
    "decode.qualty": (95, "decode.qualty is no known key; did you mean decode.quality?"),
    "models.i3d_inception.tiny.recipe.learning": (1.0, "models.i3d_inception.tiny.recipe.learning is no known key"),
    "datasets.gestures.source.manifesto": ("m.csv", "datasets.gestures.source.manifesto is no known key; did you mean"),
    "noise.grids.figure2.gamma": (
        [0.05, 1.3],
        "noise.grids.figure2.gamma[1] is 1.3, but input should be less than or equal to 1",
    ),
    "noise.grids.figure9": ({}, "noise.grids.figure9"),
    "noise.grids.figure3.sigma": ([-0.1], "noise.grids.figure3.sigma[0] is -0.1"),
    "models.timesformer_divided.tiny.recipe.lr": ("0.1", "models.timesformer_divided.tiny.recipe.lr is '0.1'"),
    "models.timesformer_divided.tiny.recipe.epochs": (1.5, "models.timesformer_divided.tiny.recipe.epochs is 1.5"),
    "models.swin.base.input.resize": (200, "models.swin.base.input.resize is 200, smaller than the crop of 224"),
    "datasets.hmdb51.source.split": (4, "datasets.hmdb51.source.split is 4"),
    "study.models": (
        ["resnet"],
        "study.models[0] is 'resnet', which params.yaml does not define; it defines i3d, i3d_inception, swin, timesformer",
    ),
    "study.datasets": ([], "study.datasets is []"),
    "study.size": ("huge", "study.size is 'huge'"),
    "seed": (True, "seed is True"),
}


@pytest.mark.parametrize("key", MISTAKES)
def test_a_mistake_is_named_in_full(file: Path, key: str) -> None:
    value, expected = MISTAKES[key]
    change(file, {key: value})
    assert expected in _refusal(file)


def test_a_missing_key_is_named(file: Path) -> None:
    content = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    del content["decode"]["shard"]
    with file.open("w", encoding="utf-8") as handle:
        YAML().dump(content, handle)
    assert "decode.shard is missing" in _refusal(file)


def test_broken_yaml_and_a_missing_file_are_sentences(file: Path) -> None:
    file.write_text("seed: [", encoding="utf-8")
    assert "is not valid YAML" in _refusal(file)
    assert "There is no" in _refusal(file.with_name("absent.yaml"))


def test_numbers_in_the_style_that_dvc_writes(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("min_lr: 0.00001", "min_lr: 1e-05")
    file.write_text(text, encoding="utf-8")
    assert params.load(file).models["i3d_inception"]["tiny"].recipe.min_lr == 1e-5
