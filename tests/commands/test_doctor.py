"""`signal-perception doctor`: the commands that get weights, remotes, special files, JSON."""

import json
import os
from pathlib import Path

import pytest

from signal_perception.commands import doctor
from tests.support.study import default_study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(default_study(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("source", "command"),
    [
        (
            "https://x.org/a/b.pth",
            "curl --fail --location --create-dirs --output p https://x.org/a/b.pth",
        ),
        (
            "github.com/o/r, models/w.pt",
            "curl --fail --location --create-dirs --output p https://github.com/o/r/raw/HEAD/models/w.pt",
        ),
        ("the authors, on request", "get it from the authors, on request and put it there"),
    ],
)
def test_the_command_that_gets_a_file(source: str, command: str) -> None:
    assert doctor.command_for(source, Path("p")) == command


def test_json_has_everything(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / ".dvc").mkdir()
    (study / ".dvc/config").write_text("['remote \"lab\"']\n    url = s3://bucket/x\n")
    assert doctor.doctor(as_json=True) is True
    found = json.loads(capsys.readouterr().out)
    assert found["remotes"] == {"lab": "s3://bucket/x"}
    assert found["problems"] == []
    named = {each["name"]: each for each in found["datasets"]}
    assert named["hmdb51"]["official"] == "3570 + 1530, 6766 files"
    assert named["shapes"]["in_study"] and not named["ucf101"]["in_study"]
    assert {each["folder"] for each in found["disk"]} == {"data", ".dvc/cache", ".scratch"}
    assert all(each["get"].startswith("curl ") for each in found["weights"])
    assert found["memory"]["total"] > found["memory"]["available"] > 0


def test_a_pipe_among_the_videos_is_a_problem(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "data/raw/shapes").mkdir(parents=True)
    os.mkfifo(study / "data/raw/shapes/x.mp4")
    assert doctor.doctor() is False
    text = capsys.readouterr().out
    assert "x.mp4 (a pipe, no file)" in text and "the study cannot run: 1 to mend" in text
