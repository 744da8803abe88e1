"""A copy of the project in a temporary folder, with a study so small that every stage takes seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("src", "stages", "dvc.yaml", "params.yaml", ".dvcignore")
MODELS = ("i3d_inception", "timesformer_divided")

# full key → value; the network of the study stays as it is, so that thirds and taps are those of the default study
SMALL: dict[str, object] = {
    "study.models": list(MODELS),
    "datasets.shapes.source.train_per_class": 2,
    "datasets.shapes.source.test_per_class": 2,
    "datasets.shapes.source.frames": 12,
    "datasets.shapes.source.size": 48,
    "decode.shard": 4,
    "extract.shard": 4,
    "extract.controls": ["shuffled"],
    "views.controls": ["shuffled"],
    "spectra.calibration_videos": 4,
    "spectra.bootstrap": 100,
    "noise.repeats": 2,
    "noise.bootstrap": 100,
    "report.dpi": 50,
    **{f"models.{model}.tiny.recipe.epochs": 3 for model in MODELS},
    **{f"models.{model}.tiny.recipe.batch": 8 for model in MODELS},
    **{
        f"noise.grids.figure{n}.{key}": values
        for n in (2, 3, 4)
        for key, values in {"sigma": [0.2], "gamma": [0.1, 0.9]}.items()
    },
    "noise.grids.figure4.rho": [0.5, 1.0],
}


def change(path: Path, values: dict[str, object]) -> None:
    """Set keys of a params.yaml, given by their full names."""
    yaml = YAML()
    content = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *parents, last = name.split(".")
        here = content
        for key in parents:
            here = here[key]
        here[last] = value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def copy(target: Path, values: dict[str, object] | None = None) -> Path:
    """The project in `target`, with the small study and then `values`; a Git and DVC repository of its own."""
    target.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target / part)
    change(target / "params.yaml", SMALL | (values or {}))
    run(target, "git", "init", "-q")
    run(target, sys.executable, "-m", "dvc", "init", "-q")
    return target


def environment() -> dict[str, str]:
    """The environment of stages: this interpreter first, the copy's own source nowhere (the installed one is the same)."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONWARNINGS": "default"}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project and give back its output, whatever its exit code."""
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dvc in the project."""
    return run(folder, sys.executable, "-m", "dvc", *arguments)
