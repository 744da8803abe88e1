"""The resumable work directory of a stage.

DVC deletes a stage's outputs before it runs the stage, so half-done work lives elsewhere: in
`.scratch/<stage>/<fingerprint>/` below the project's root. The fingerprint covers what dvc.yaml
declares for the stage, parameters and dependencies, and nothing else: a killed stage continues
where it was, and a changed setting never continues an old run.

Units that another run can use too live in `.scratch/<stage>/<name>-<fingerprint>/`, a cache whose
fingerprint leaves out what the units do not depend on; it stays when the stage is finished.
"""

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from signal_perception.pipeline import disk, exclusive, units
from signal_perception.pipeline.dvcfile import Stage, declared

SCRATCH = Path(".scratch")
# Of stages at work, a file each; they stay, since a file that goes is no lock.
_LOCKS = ".locks"
# How the names of folders begin that are finished and to be deleted.
_ASIDE = ".aside-"
_RUN = re.compile("[0-9a-f]{16}")


class Scratch:
    """Work directory of one run of one stage, run from the project's root.

    While the process lives no other has it: a second run of the stage is a UserError.
    """

    def __init__(self, stage: Stage):
        root = Path(os.environ.get("DVC_ROOT", ".")) / SCRATCH
        self._stage = stage
        self._home = root / stage.name
        self._caches: set[Path] = set()
        # of processes that train together the first has it
        if os.environ.get("RANK", "0") == "0":
            exclusive.take(root / _LOCKS / stage.name, stage.name)
            self._sweep()
        self.path = self._home / fingerprint(stage)
        self.path.mkdir(parents=True, exist_ok=True)

    def cache(self, name: str, *, without: Collection[str]) -> Path:
        """A folder for units that outlive this run.

        without: keys of parameters (as in `dvcfile.declared`), paths of code and of inputs, which
        the units do not depend on. Whatever is not named counts.
        """
        path = self._home / f"{name}-{fingerprint(self._stage, without)}"
        path.mkdir(parents=True, exist_ok=True)
        self._caches.add(path)
        return path

    def publish(self, outputs: Mapping[Path, Path]) -> None:
        """Put each finished file or folder (key) at its output (value); forget all but caches.

        Safe to be killed in between: nothing leaves the scratch directory before all outputs are
        in place, so the next run publishes again.
        """
        for source, target in outputs.items():
            units.place(source, target)
        self.forget()

    def forget(self) -> None:
        """Remove all but caches, of a stage that is finished; nothing where that is done.

        A folder is renamed before it is deleted: no later run finds half of it.
        """
        if not self._home.exists():
            return
        for folder in self._home.iterdir():
            if folder not in self._caches and not folder.name.startswith(_ASIDE):
                folder.rename(folder.with_name(f"{_ASIDE}{folder.name}-{os.getpid()}"))
        self._delete_set_aside()
        if not self._caches:
            self._home.rmdir()

    def _sweep(self) -> None:
        """Remove what killed runs of this stage left, here and beside its outputs."""
        self._delete_set_aside()
        disk.sweep(self._home)
        for out in self._stage.outs:
            disk.sweep_beside(out)

    def _delete_set_aside(self) -> None:
        for folder in self._home.glob(f"{_ASIDE}*"):
            disk.remove(folder)


def unfinished() -> list[str]:
    """Names of stages that were begun and not published, of the project in this folder."""
    # a run's folder is its fingerprint alone; a cache has a name before it, others begin with a dot
    folders = (folder for folder in SCRATCH.glob("*/*") if _RUN.fullmatch(folder.name))
    return sorted({folder.parent.name for folder in folders})


def fingerprint(stage: Stage, without: Collection[str] = ()) -> str:
    """Sixteen hex digits that change with any declared parameter, code file or input.

    Code counts by content; data count as DVC looks at them first: name, size and time of change.
    """

    def counts(file: Path) -> bool:
        return not any(file.is_relative_to(each) for each in without)

    settings = _leave_out(declared(stage), without)
    code = [
        [str(file), hashlib.sha256(file.read_bytes()).hexdigest()]
        for path in stage.code
        for file in _files(path)
        if counts(file)
    ]
    inputs = [
        [str(file), file.stat().st_size, file.stat().st_mtime_ns]
        for path in stage.inputs
        for file in _files(path)
        if counts(file)
    ]
    text = json.dumps([stage.name, settings, code, inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _leave_out(tree: Mapping[str, Any], without: Collection[str]) -> dict[str, Any]:
    def below(here: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        return {
            key: below(value, f"{prefix}{key}.") if isinstance(value, Mapping) else value
            for key, value in here.items()
            if f"{prefix}{key}" not in without
        }

    return below(tree, "")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(
        file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
