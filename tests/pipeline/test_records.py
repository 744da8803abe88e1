"""The records of finished stages: what they hold, and that no stage fails for them."""

import json
from pathlib import Path

import pytest

from signal_perception.pipeline import records
from signal_perception.pipeline.scratch import unfinished
from tests.support import project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project.copy(tmp_path_factory.mktemp("records") / "project")
    done = project.run(folder, "env", "PYTHONPATH=src", "python", "stages/synthesise.py")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_finished_stage_leaves_a_record(made: Path) -> None:
    found = records.read(made)["synthesise"]
    assert found["seconds"] > 0 and found["cpu_seconds"] > 0
    assert found["device"] == "cpu" and found["cores"] >= 1
    assert found["work"][0]["unit"] == "scene"
    assert found["work"][0]["count"] == 4 and found["work"][0]["before"] == 0
    assert found["params"]["datasets"]["shapes"]["source"]["train_per_class"] == 2
    size = sum(path.stat().st_size for path in (made / "data/raw/shapes").rglob("*.*"))
    assert found["outputs"]["data/raw/shapes"] == size
    assert found["versions"].keys() >= {"python", "torch", "numpy"}
    assert found["finished"].endswith("+00:00")


def test_git_ignores_the_records(made: Path) -> None:
    asked = project.run(made, "git", "check-ignore", "logs/stages/synthesise.json")
    assert asked.returncode == 0


def test_a_stage_does_not_fail_where_no_record_can_be_written(made: Path) -> None:
    project.run(made, "rm", "-rf", "logs")
    (made / "logs").write_text("in the way")
    done = project.run(made, "env", "PYTHONPATH=src", "python", "stages/synthesise.py")
    (made / "logs").unlink()
    assert done.returncode == 0
    assert "note: logs/stages/synthesise.json could not be written" in done.stderr


def test_a_stage_that_failed_leaves_none(made: Path) -> None:
    done = project.run(
        made,
        "env",
        "PYTHONPATH=src",
        "python",
        "stages/evaluate.py",
        "shapes",
        "i3d_inception",
        "0",
    )
    assert done.returncode != 0
    assert "evaluate@shapes-i3d_inception-0" not in records.read(made)


def test_a_file_that_is_no_record_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / records.FOLDER
    folder.mkdir(parents=True)
    (folder / "cut.json").write_text('{"stage": "a", ')
    (folder / "other.json").write_text("[1]")
    (folder / "good.json").write_text(json.dumps({"stage": "a", "seconds": 1.0}))
    assert list(records.read(tmp_path)) == ["a"]


def test_a_finished_stage_is_not_half_done(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    assert "synthesise" not in unfinished()
