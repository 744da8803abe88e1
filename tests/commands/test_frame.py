"""The frame of the command line: from any folder of the project, quick, completing names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signal_perception.commands import place
from signal_perception.commands.app import app
from signal_perception.pipeline import project
from signal_perception.pipeline.errors import UserError
from tests.support.study import default_study


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without data; the current directory is a folder in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    default_study(folder)
    (folder / "notes/today").mkdir(parents=True)
    monkeypatch.chdir(folder / "notes/today")
    return folder


def test_commands_work_from_any_folder_of_the_project(root: Path) -> None:
    told = CliRunner().invoke(app, ["recipe", "swin", "hmdb51"])
    assert told.exit_code == 0
    assert "swin at size base on hmdb51" in told.output
    assert Path().resolve() == root


def test_a_project_can_be_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["--project", "project", "recipe", "swin", "hmdb51"])
    assert told.exit_code == 0
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["--project", ".", "recipe", "swin", "hmdb51"])
    assert isinstance(told.exception, UserError)
    assert str(told.exception) == (
        ". is no project: it lacks dvc.yaml, params.yaml, params/models; name the folder that has "
        "them."
    )
    with pytest.raises(UserError, match="nor a folder above it is a project"):
        project.root()


def test_paths_are_those_that_the_user_typed(root: Path) -> None:
    told = CliRunner().invoke(app, ["inspect", "gone.npz"])
    assert isinstance(told.exception, UserError)
    assert str(told.exception).startswith(f"There is no {root / 'notes/today/gone.npz'};")


def test_the_version_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["--version"])
    assert told.exit_code == 0
    name, number = told.output.split()
    assert name == "signal-perception" and number[0].isdigit()


def test_names_are_completed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.models("swi") == ["swin"]
    assert place.models("i3d") == ["i3d", "i3d_inception"]
    assert place.presets("g") == ["gestures"]
    assert place.datasets("") == ["gestures", "hmdb51", "shapes", "ucf101"]
    (root / "params.yaml").write_text("datasets: [", encoding="utf-8")
    assert place.datasets("") == []
    monkeypatch.chdir(tmp_path)
    assert place.models("") == []


def test_a_shell_is_answered(root: Path) -> None:
    """As bash asks for the words after `signal-perception recipe sw`."""
    asking = {"COMP_WORDS": "signal-perception recipe sw", "COMP_CWORD": "2"}
    told = CliRunner().invoke(
        app,
        env={"_SIGNAL_PERCEPTION_COMPLETE": "complete_bash", **asking},
        prog_name="signal-perception",
    )
    assert told.output.split() == ["swin"]


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["recipe", "swin", "hmdb51"], ["inspect", "a.npz"]]
)
def test_commands_that_need_no_torch_import_none(root: Path, arguments: list[str]) -> None:
    (root / "notes/today/a.npz").write_bytes(b"")
    code = (
        "import sys\n"
        "from signal_perception.commands.app import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
