"""Where and with what a page was made: not the same on every machine, so no stage's output."""

import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

# What a stage says of its run on this machine lies here, in a file of its own.
LOGS = Path("logs/stages")
# The files that results depend on besides data; reports may differ from what is committed.
_SOURCES = ("src", "stages", "params", "params.yaml", "dvc.yaml")
# Letters of a commit that are enough to know it.
_SHORT = 10
_PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "safetensors",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "zarr",
    "decord",
    "av",
    "matplotlib",
    "seaborn",
    "altair",
    "vl-convert-python",
    "dvc",
)


@dataclass(frozen=True)
class StageRun:
    """How a stage ran last on this machine; nothing but its name where it did not."""

    stage: str
    seconds: float = float("nan")
    device: str = ""
    revision: str = ""
    finished: str = ""


@dataclass(frozen=True)
class Facts:
    """Of the machine that makes a page: its code's revision, its software, and its stages."""

    revision: str = ""
    software: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[StageRun, ...] = ()


# Where nothing is known of the machine.
NOTHING = Facts()


def facts(stages: Iterable[str], root: Path = Path()) -> Facts:
    """Of the project in `root`. stages: names as DVC has them."""
    return Facts(revision(root), software(), stage_runs(stages, root))


def revision(root: Path) -> str:
    """The Git commit of the code, and whether the code differs from it."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", *_SOURCES)
    except FileNotFoundError:
        return "unknown: Git is not installed"
    except subprocess.CalledProcessError:
        return "unknown: the project is not a Git repository"
    return f"{commit}, with changes that are not committed" if changed else commit


def software() -> dict[str, str]:
    """Versions of what the study runs on."""
    system = {"Python": platform.python_version(), "system": platform.platform()}
    return system | {name: _version(name) for name in _PACKAGES}


def stage_runs(names: Iterable[str], root: Path) -> tuple[StageRun, ...]:
    """What each stage wrote of its last run on this machine."""
    found: dict[str, StageRun] = {}
    for path in sorted((root / LOGS).glob("*.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            found[told["stage"]] = _stage_run(told)
        except (ValueError, KeyError, TypeError):
            # half written, or of another program: as if it were not there
            continue
    return tuple(found.get(name, StageRun(name)) for name in names)


def _stage_run(told: Mapping[str, Any]) -> StageRun:
    device = str(told["device"])
    return StageRun(
        stage=told["stage"],
        seconds=float(told["seconds"]),
        device=str(told.get("processor") or device) if device == "cpu" else device,
        revision=str(told["git_revision"] or "")[:_SHORT],
        finished=str(told["finished"]),
    )


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
