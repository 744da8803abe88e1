"""`signal-perception models` and `taps`: lists for people, JSON for programs."""

import json
from pathlib import Path

import pytest

from signal_perception.commands.models import list_models, list_taps
from signal_perception.models.core import registry
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from tests.support.study import default_study


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the parameter files; the current directory."""
    monkeypatch.chdir(tmp_path)
    return default_study(tmp_path)


def test_every_model_is_listed_with_its_sizes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_models(as_json=True)
    found = json.loads(capsys.readouterr().out)
    settings = params.load()
    listed = {(each["model"], each["size"]) for each in found["models"]}
    assert listed == {(name, size) for name in settings.models for size in settings.models[name]}
    assert {name for name, _ in listed} == set(registry.names())
    swin = next(each for each in found["models"] if each["model"] == "swin")
    assert {"joint_attn", "mlp", "v"} <= set(swin["components"])
    assert swin["parameters"] > 10_000 and swin["taps"] > 0


def test_a_model_without_an_entry_is_told(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "names", lambda: ("nobody", "swin"))
    list_models()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "size", "parameters", "taps", "clip", "components"]
    assert lines[-1] == "nobody: no entry in params/models"


def test_taps_have_the_shape_of_one_clip(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_taps("timesformer_divided", None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == "tiny"
    entry = params.load().model("timesformer_divided")
    # as many tokens in time as frames
    assert {each["shape"][0] for each in found["taps"]} == {entry.input.frames}
    assert {each["side"] for each in found["taps"]} == {"stream", "branch"}
    list_taps("timesformer_divided", "base")
    text = capsys.readouterr().out
    assert text.startswith("timesformer_divided base, one clip of 8 frames of 224 pixels\n")
    assert "8 × 14 × 14 × 768" in text


def test_what_does_not_exist_is_a_sentence(root: Path) -> None:
    with pytest.raises(UserError, match="There is no model 'swim': choose one of i3d, "):
        list_taps("swim", None)
    with pytest.raises(UserError, match="no entry for swin at size huge"):
        list_taps("swin", "huge")
