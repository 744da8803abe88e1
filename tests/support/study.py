"""The committed study in a temporary folder, whatever study the parameters hold at the moment."""

import shutil
from pathlib import Path

from signal_perception.commands.use import use
from tests.support.project import ROOT

PRESETS = ("check", "default", "gestures", "poster")


def default_study(target: Path) -> Path:
    """A copy of dvc.yaml, the parameter files and the presets that are ours, with the default."""
    (target / "presets").mkdir()
    for file in ("dvc.yaml", "params.yaml", *(f"presets/{preset}.yaml" for preset in PRESETS)):
        shutil.copy(ROOT / file, target / file)
    shutil.copytree(ROOT / "params", target / "params")
    use(target / "presets/default.yaml", target)
    return target
