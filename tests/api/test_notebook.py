"""docs/notebook.py runs as a script, with weights and without."""

import os
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from signal_perception.synthesise import videos
from tests.support import notebook
from tests.support.project import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return notebook.project(tmp_path / "project")


def _run(root: Path, figures: Path, **environment: str) -> tuple[int, str]:
    """The script as a user runs it, somewhere in the project."""
    import subprocess

    figures.mkdir()
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(ROOT / "docs/notebook.py")],
        cwd=root / "presets",
        env=os.environ | {"PYTHONPATH": path, "FIGURES": str(figures)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def _drawn(path: Path) -> bool:
    return imread(path)[..., :3].std() > 0.01


def test_without_weights_it_draws_from_tables_and_says_what_is_missing(
    root: Path, tmp_path: Path
) -> None:
    code, out = _run(root, tmp_path / "figures")
    assert code == 0
    assert "8 models on shapes" in out
    assert "No second figure. There is no data/weights/shapes/timesformer_divided-0" in out
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["notebook_depth.png"]
    assert _drawn(tmp_path / "figures/notebook_depth.png")


def test_with_weights_it_records_a_video(root: Path, tmp_path: Path) -> None:
    notebook.write_weights(root)
    code, out = _run(root, tmp_path / "figures")
    assert code == 0
    assert "taps of timesformer_divided" in out
    assert _drawn(tmp_path / "figures/notebook_taps.png")


def test_with_a_video_of_ones_own(root: Path, tmp_path: Path) -> None:
    notebook.write_weights(root)
    videos.write(tmp_path / "videos", train_per_class=0, test_per_class=1, frames=12, size=48)
    own = next((tmp_path / "videos").rglob("*.mp4"))
    code, out = _run(root, tmp_path / "figures", VIDEO=str(own))
    assert code == 0 and "taps of timesformer_divided" in out
    assert not (tmp_path / "figures/notebook_disc.mp4").exists()
    assert _drawn(tmp_path / "figures/notebook_taps.png")
