"""The resumable work directory of a stage.

DVC deletes a stage's outputs before it runs the stage, so half-done work must live elsewhere: in
`$DVC_ROOT/.scratch/<stage>/<fingerprint>/`. Each unit of work is written under a temporary name and renamed when whole; at the end
every output is moved into place by one rename and the stage's scratch directory is removed. The fingerprint covers
parameters, inputs and code: a killed stage continues where it was, and a changed setting never continues an old run.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from signal_perception import paths


class Scratch:
    """Work directory of one run of one stage.

    Parameters
    ----------
    stage: DVC's name of the stage, e.g. "finetune@shapes-i3d_inception".
    settings: every parameter the results depend on, as plain JSON values.
    inputs: files and directories the stage reads.
    code: hash of the code the stage runs (`closure.code_hash`).
    """

    def __init__(self, stage: str, *, settings: object, inputs: Iterable[Path], code: str):
        self.stage = stage
        self._home = Path(os.environ.get("DVC_ROOT", ".")) / paths.SCRATCH / stage
        self.path = self._home / fingerprint(settings, [state(path) for path in inputs], code)
        self.path.mkdir(parents=True, exist_ok=True)

    def unit(self, name: str) -> Path:
        """Where the finished unit of work `name` lies, or will lie."""
        return self.path / name

    def publish(self, outputs: Mapping[Path, Path]) -> None:
        """Move each finished unit (key) to its output (value), then forget the stage's scratch."""
        for source, target in outputs.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            source.replace(target)
        shutil.rmtree(self._home)


def whole(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file or directory under a temporary name beside `target`, then rename it: it exists whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".unfinished-{os.getpid()}-{target.name}")
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    write(unfinished)
    if target.is_dir():
        shutil.rmtree(target)
    unfinished.replace(target)


def fingerprint(*parts: object) -> str:
    """Sixteen hex digits that change with any of the parts (plain JSON values)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def state(path: Path) -> list[list[object]]:
    """Name, size and modification time of the file, or of every file in the directory: what DVC itself looks at to see a change."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    facts = [(file, file.stat()) for file in files]
    return [[str(file.relative_to(path)), fact.st_size, fact.st_mtime_ns] for file, fact in facts]
