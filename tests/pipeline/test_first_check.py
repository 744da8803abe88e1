"""The whole study is checked before its first stage, under plain DVC, too."""

from pathlib import Path

import pytest

from signal_perception.pipeline.stage import CHECKED
from tests.support import project

_MODEL = "models.i3d_inception.tiny"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    weights = {"file": "nowhere.pt", "sha256": "0" * 64, "source": "https://x.org/nowhere.pt"}
    return project.copy(
        tmp_path_factory.mktemp("check") / "project", {f"{_MODEL}.pretrained": weights}
    )


def test_missing_weights_stop_the_first_stage(folder: Path) -> None:
    done = project.dvc(folder, "repro", "synthesise")
    assert done.returncode != 0
    assert "The study cannot run, so nothing was begun. params/models/i3d_inception.yaml" in (
        done.stderr
    )
    assert "data/pretrained/nowhere.pt" in done.stderr
    assert not (folder / "data/raw/shapes").exists()


def test_what_has_been_checked_is_not_checked_again(folder: Path) -> None:
    command = ("env", f"{CHECKED}=1", "PYTHONPATH=src", "python", "stages/synthesise.py")
    assert project.run(folder, *command).returncode == 0
