"""A user's mistake ends a command or stage with one sentence and exit code 1.

A bad video ends nothing.
"""

import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception.commands import app
from signal_perception.inference.networks import PRETRAINED
from signal_perception.pipeline import lanes
from signal_perception.synthesise import videos
from tests.support.project import ROOT, SMALL, change

Fail = Callable[..., str]
SHAPES: dict[str, object] = {"study.datasets": ["shapes"], "study.weights": ["shapes"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder without data, its small study on gestures; the current directory."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    for name in ("src", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    names = {"study.datasets": ["gestures"], "study.weights": ["gestures"]}
    change(tmp_path, SMALL | names)
    monkeypatch.chdir(tmp_path)
    # there is no DVC repository here: everything has changed
    monkeypatch.setattr(lanes, "changed", lambda **_: {"report"})
    return tmp_path


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Runs the command line, or a stage script, and gives back the one sentence it ends with."""

    def run(*arguments: str, stage: str = "") -> str:
        monkeypatch.setattr(sys, "argv", [stage or "signal-perception", *arguments])
        with pytest.raises(SystemExit) as caught:
            if stage:
                runpy.run_path(str(ROOT / "stages" / f"{stage}.py"), run_name="__main__")
            else:
                app.main()
        assert caught.value.code == 1
        error = capsys.readouterr().err
        lines = [line for line in error.splitlines() if line.startswith("error in ")]
        assert len(lines) == 1
        assert "Traceback" not in error
        return lines[0]

    return run


def _videos(root: Path, splits: tuple[str, ...] = ("train", "test")) -> None:
    """A folder data set: two classes, one real video for each split."""
    videos.write(root / "made", train_per_class=1, test_per_class=1, frames=12, size=48)
    rows = ["path,label,split"]
    for label in ("grows", "shrinks"):
        (root / label).mkdir()
        for split in splits:
            (root / "made" / label / f"{split}_0000.mp4").rename(root / label / f"{split}.mp4")
            rows.append(f"{label}/{split}.mp4,{label},{split}")
    (root / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    shutil.rmtree(root / "made")


def test_misspelt_key(folder: Path, refusal: Fail) -> None:
    change(folder, {"noise.repeat": 3})
    assert "noise.repeat is no known key; did you mean noise.repeats?" in refusal("repro")
    assert "noise.repeat is no known key" in refusal(stage="report")


def test_gamma_above_one(folder: Path, refusal: Fail) -> None:
    change(folder, {"noise.gamma": [1.3]})
    assert "noise.gamma[0] is 1.3, but input should be less than or equal to 1" in refusal("repro")


def test_a_grid_of_a_component_that_a_model_lacks(folder: Path, refusal: Fail) -> None:
    mine = {"panels": ["mlp"], "sigma": 1.0, "rho": 0.5}
    change(folder, {"noise.grids.mine": mine} | SHAPES | {"study.models": ["i3d_inception"]})
    message = "params/models/i3d_inception.yaml: tiny.disturb: The model has no component 'mlp'"
    assert f"{message} to disturb; it has conv." in refusal("repro")


def test_thirds_of_two_layers(folder: Path, refusal: Fail) -> None:
    change(folder, {"models.timesformer_divided.tiny.network.depth": 2})
    change(folder, SHAPES | {"study.models": ["timesformer_divided"]})
    assert "was asked of 2 layers, and thirds need at least 3" in refusal("repro")


def test_unknown_model(folder: Path, refusal: Fail) -> None:
    change(folder, {"study.models": ["slowfast"]})
    assert "study.models[0] is 'slowfast', which does not exist; params/models has" in refusal(
        "repro"
    )


def test_component_that_the_model_lacks(folder: Path, refusal: Fail) -> None:
    _videos(folder / "data/raw/gestures")
    change(folder, {"models.i3d_inception.tiny.disturb": "joint_attn"})
    sentence = refusal("repro")
    assert (
        "params/models/i3d_inception.yaml: tiny.disturb: The model has no component 'joint_attn'"
        in sentence
    )
    assert "it has conv" in sentence


def test_network_that_does_not_fit(folder: Path, refusal: Fail) -> None:
    _videos(folder / "data/raw/gestures")
    change(folder, {"models.i3d_inception.tiny.network.widths": 2.0})
    assert "params/models/i3d_inception.yaml: tiny.network: Model i3d_inception has no" in refusal(
        "repro"
    )


def test_missing_data_folder(folder: Path, refusal: Fail) -> None:
    assert "data/raw/gestures" in refusal("repro")
    assert "data/raw/gestures" in refusal("gestures", stage="decode")


def test_empty_data_folder(folder: Path, refusal: Fail) -> None:
    (folder / "data/raw/gestures").mkdir(parents=True)
    assert "manifest.csv" in refusal("repro")
    change(folder, {"datasets.gestures.source.manifest": None})
    assert "no videos in data/raw/gestures" in refusal("repro")


def test_class_without_a_test_video(folder: Path, refusal: Fail) -> None:
    root = folder / "data/raw/gestures"
    _videos(root)
    lines = (root / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (root / "manifest.csv").write_text(
        "\n".join(line for line in lines if line != "grows/test.mp4,grows,test"), encoding="utf-8"
    )
    assert "no test video of grows" in refusal("repro")


def test_missing_pretrained_weights(folder: Path, refusal: Fail) -> None:
    _videos(folder / "data/raw/gestures")
    change(folder, {"study.size": "base", "study.models": ["i3d_inception"]})
    sentence = refusal("repro")
    assert "data/pretrained/i3d_inception_kinetics400.pt are not there; get them from" in sentence
    (folder / PRETRAINED).mkdir(parents=True)
    (folder / PRETRAINED / "i3d_inception_kinetics400.pt").write_bytes(b"something else")
    assert "SHA-256" in refusal("repro")


def test_wrong_environment(folder: Path, refusal: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    _videos(folder / "data/raw/gestures")
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "many")
    assert "SIGNAL_PERCEPTION_WORKERS is 'many'" in refusal("gestures", stage="decode")


def test_a_text_file_named_mp4_is_left_out_and_listed(
    folder: Path, refusal: Fail, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder / "data/raw/gestures"
    _videos(root)
    (root / "grows" / "notes.mp4").write_text("not a video", encoding="utf-8")
    with (root / "manifest.csv").open("a", encoding="utf-8") as file:
        file.write("\ngrows/notes.mp4,grows,test\n")
    assert "more than decode.max_bad = 0.05 allows" in refusal("gestures", stage="decode")
    change(folder, {"decode.max_bad": 0.5})
    monkeypatch.setattr(sys, "argv", ["decode", "gestures"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "stages/decode.py"), run_name="__main__")
    assert caught.value.code == 0
    table = pd.read_csv("reports/decode/gestures.csv").set_index("id")
    assert str(table.loc["grows/notes.mp4", "verdict"]).startswith("refused: ")
    assert (
        np.delete(table["verdict"].to_numpy(), table.index.get_loc("grows/notes.mp4")) == "ok"
    ).all()
    change(folder, {"decode.on_bad": "fail"})
    assert "grows/notes.mp4 was refused" in refusal("gestures", stage="decode")


def test_a_missing_video_is_counted_as_bad_and_a_class_without_any_is_refused(
    folder: Path, refusal: Fail
) -> None:
    root = folder / "data/raw/gestures"
    _videos(root)
    with (root / "manifest.csv").open("a", encoding="utf-8") as file:
        file.write("\ngrows/gone.mp4,grows,test\n")
    assert "the first is grows/gone.mp4 (refused: no such file)" in refusal(
        "gestures", stage="decode"
    )
    assert (
        pd.read_csv("reports/decode/gestures.csv")["verdict"].str.startswith("refused").sum() == 1
    )
    (root / "grows" / "test.mp4").unlink()
    assert "2 of 5 listed videos are not in data/raw/gestures" in refusal(
        "gestures", stage="decode"
    )


def test_a_stage_of_what_the_study_lacks(folder: Path, refusal: Fail) -> None:
    sentence = refusal("nosuch", stage="decode")
    assert "The study has no stage 'decode@nosuch'; it has decode@gestures. Add its" in sentence
    sentence = refusal("gestures", "swim", "0", stage="finetune")
    assert "no stage 'finetune@gestures-swim-0'; it has finetune@gestures-i3d_inception-0" in (
        sentence
    )


@pytest.mark.parametrize("arguments", [("decode",), ("finetune", "gestures", "swin", "first")])
def test_wrong_arguments_of_a_stage_are_told_as_such(
    folder: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", list(arguments))
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "stages" / f"{arguments[0]}.py"), run_name="__main__")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "Usage:" in error and "Traceback" not in error


def test_a_file_that_may_not_be_read(
    folder: Path, refusal: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", "params.yaml")

    # whoever runs the tests as root may read everything
    monkeypatch.setattr(Path, "read_text", refuse)
    assert "params.yaml may not be read or written; change its rights." in refusal(
        "recipe", "swin", "hmdb51"
    )


def test_doctor_names_every_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["signal-perception", "doctor"])
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert caught.value.code == 1
    text = capsys.readouterr().out
    assert "absent; copy or link its folder to data/raw/gestures" in text
    assert "the study cannot run: 1 to mend" in text
