"""A copy of the project in a temporary folder, with a study whose stages take seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("src", "stages", "dvc.yaml", "params.yaml", "params", ".dvcignore", ".gitignore")
MODELS = ("i3d_inception", "timesformer_divided")

# Full key → value. The networks stay as they are, so that thirds and taps are those of the default
# study.
SMALL: dict[str, object] = {
    "study.name": "default",
    "study.size": "tiny",
    "study.datasets": ["shapes"],
    "study.models": list(MODELS),
    "study.weights": ["shapes"],
    "study.seeds": [0],
    "cpu_threads": 1,
    "datasets.shapes.source.train_per_class": 2,
    "datasets.shapes.source.test_per_class": 2,
    "datasets.shapes.source.frames": 12,
    "datasets.shapes.source.size": 48,
    "decode.shard": 4,
    "extract.calibration_videos": 4,
    "extract.controls": ["shuffled"],
    "views.controls": ["shuffled"],
    "spectra.bootstrap": 100,
    "probe.bootstrap": 100,
    "noise.repeats": 2,
    "noise.bootstrap": 100,
    "noise.gamma": [0.1, 0.9],
    "report.dpi": 50,
    **{f"models.{model}.tiny.recipe.epochs": 3 for model in MODELS},
    **{f"models.{model}.tiny.recipe.batch": 8 for model in MODELS},
    **{f"noise.grids.figure{n}.sigma": 1.0 for n in (2, 3, 4)},
    "noise.grids.figure4.rho": [0.5, 1.0],
}


def change(folder: Path, values: dict[str, object]) -> None:
    """Set parameters of the project in `folder`, given by their full names.

    "models.<name>.<key>" is <key> of params/models/<name>.yaml; all others are of params.yaml.
    """
    files: dict[Path, dict[str, object]] = {}
    for name, value in values.items():
        if name.startswith("models."):
            _, model, key = name.split(".", 2)
            files.setdefault(folder / "params/models" / f"{model}.yaml", {})[key] = value
        else:
            files.setdefault(folder / "params.yaml", {})[name] = value
    for path, keys in files.items():
        set_keys(path, keys)


def set_keys(path: Path, values: dict[str, object]) -> None:
    """Set keys of a YAML file, given by their full names; what leads to a new key is made."""
    yaml = YAML()
    content = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *parents, last = name.split(".")
        here = content
        for key in parents:
            here = here.setdefault(key, {})
        here[last] = value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


def edit(path: Path, key: str, value: object) -> None:
    """Set a key, given by its full name, or delete it where the value is `...`."""
    content = YAML().load(path.read_text(encoding="utf-8"))
    *above, last = key.split(".")
    here = content
    for step in above:
        here = here[step]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    with path.open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)


def copy(target: Path, values: dict[str, object] | None = None) -> Path:
    """The project in `target`, with the small study and then `values`; a repository of its own."""
    target.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(
                source, target / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(source, target / part)
    change(target, SMALL | (values or {}))
    run(target, "git", "init", "-q")
    run(target, sys.executable, "-m", "dvc", "init", "-q")
    return target


def environment() -> dict[str, str]:
    """The environment of stages: this interpreter first. They run the source of their own tree."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONWARNINGS": "default"}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project and give back its output, whatever its exit code."""
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dvc in the project."""
    return run(folder, sys.executable, "-m", "dvc", *arguments)
