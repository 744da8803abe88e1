"""Where and with what a page was made: not the same on every machine, so no stage's output."""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signal_perception.pipeline import records

# Letters of a commit that are enough to know it.
_SHORT = 10


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
    commit, changed = records.revision(root)
    if commit is None:
        return "unknown: the project is no Git repository, or Git is not installed"
    return f"{commit}, with changes that are not committed" if changed else commit


def software() -> dict[str, str]:
    """Versions of what the study runs on."""
    return {"system": platform.platform()} | records.versions()


def stage_runs(names: Iterable[str], root: Path) -> tuple[StageRun, ...]:
    """How each stage ran last on this machine."""
    found = records.read(root)
    return tuple(_stage_run(found[name]) if name in found else StageRun(name) for name in names)


def _stage_run(told: Mapping[str, Any]) -> StageRun:
    device = str(told["device"])
    return StageRun(
        stage=told["stage"],
        seconds=float(told["seconds"]),
        device=str(told.get("processor") or device) if device == "cpu" else device,
        revision=str(told["git_revision"] or "")[:_SHORT],
        finished=str(told["finished"]),
    )
