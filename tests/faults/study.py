"""A study of the whole pipeline that runs in seconds, again and again from the same beginning."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from signal_perception.pipeline import dvcfile
from tests.faults.runs import ENVIRONMENT, LIMIT, Ended, Running, Template
from tests.support import project

# In the order of the pipeline.
STAGES = (
    *("synthesise", "decode", "finetune", "evaluate", "extract", "spectra", "features", "probe"),
    *("noise", "figures", "report"),
)
# They take the longest and keep nothing for the next run: fewer cases of each fault.
PAGE = ("figures", "report")
KEEPING = tuple(stage for stage in STAGES if stage not in PAGE)

MODEL = "videomae_v1"
# What stages make, what DVC knows of it, and where unfinished work lies.
_MADE = ("data", "reports", "dvc.lock", ".dvc/cache")
_SCRATCH = ".scratch"
_SMALL: dict[str, object] = {
    "study.models": [MODEL],
    "datasets.shapes.source.frames": 8,
    "datasets.shapes.source.size": 24,
    f"models.{MODEL}.tiny.recipe.epochs": 3,
    f"models.{MODEL}.tiny.recipe.warmup_epochs": 1,
    f"models.{MODEL}.tiny.network.depth": 3,
    # spectra are then measured, not read
    "extract.keep": "activations",
    "extract.per_class": None,
    "noise.listen": ["figure2"],
    "noise.gamma": 0.5,
}


class Study:
    """A project in a folder whose stages have run once, cleanly.

    kinds: stages to make, all where empty. values: parameters of it, by their full names.
    """

    def __init__(
        self, folder: Path, kinds: Sequence[str] = (), values: Mapping[str, object] | None = None
    ):
        self.root = project.copy(folder / "study", _SMALL | dict(values or {}))
        self._pristine = folder / "pristine"
        self._template = Template(self.root)
        self.stages = {
            stage.name.partition("@")[0]: stage
            for stage in dvcfile.stages(self.root).values()
            if not kinds or stage.name.partition("@")[0] in kinds
        }
        self.clean_runs = {kind: self._first(kind) for kind in self.stages}
        done = project.dvc(self.root, "commit", "--force", *(self.names if kinds else ()))
        assert done.returncode == 0, done.stderr
        self._pristine.mkdir()
        self._copy(self.root, self._pristine)
        self.clean = {kind: self.outputs(kind) for kind in self.stages}

    @property
    def names(self) -> list[str]:
        """DVC's names of the stages."""
        return [stage.name for stage in self.stages.values()]

    def close(self) -> None:
        self._template.close()

    def restore(self) -> None:
        """Everything as after the clean run: bytes, times of change, links with DVC's cache."""
        shutil.rmtree(self.root / _SCRATCH, ignore_errors=True)
        for name in _MADE:
            _remove(self.root / name)
        self._copy(self._pristine, self.root)

    def delete_outputs(self, kind: str) -> None:
        """What DVC does before it runs a stage."""
        for out in self.stages[kind].outs:
            _remove(self.root / out)

    def run(self, kind: str, fault: dict[str, Any] | None = None, **moment: Any) -> Ended:
        """A stage as DVC runs it, from deleted outputs, with a fault or without.

        moment: see `start`.
        """
        self.delete_outputs(kind)
        return self.start(kind, fault, **moment).end()

    def start(
        self, kind: str, fault: dict[str, Any] | None = None, after: tuple[float, str] | None = None
    ) -> Running:
        """A stage that runs while this goes on; after: seconds, then a signal to its group."""
        return Running(self._template, self.root, self.stages[kind], fault or {}, after)

    def scratch(self, kind: str) -> list[Path]:
        """Files of unfinished work, without what is being written."""
        folder = self.root / _SCRATCH / self.stages[kind].name
        return _files(folder)

    def outputs(self, kind: str) -> dict[str, str]:
        """Hash of every output file, by its path in the study."""
        return {
            str(file.relative_to(self.root)): hashlib.md5(file.read_bytes()).hexdigest()
            for out in self.stages[kind].outs
            for file in _files(self.root / out)
        }

    def strays(self) -> list[str]:
        """Half-written files among the products."""
        return [
            str(path.relative_to(self.root))
            for top in ("data", "reports")
            for path in (self.root / top).rglob("*")
            if path.name.startswith(".unfinished") or path.name.endswith(".partial")
        ]

    @cached_property
    def environment(self) -> dict[str, str]:
        """That of a stage, and of the command line, run by hand."""
        return project.environment() | ENVIRONMENT

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """signal-perception with arguments, in the study."""
        code = "from signal_perception.commands.app import main; main()"
        return self._call(sys.executable, "-c", code, *arguments)

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._call(sys.executable, "-m", "dvc", *arguments)

    def _call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=10 * LIMIT,
        )

    def _first(self, kind: str) -> Ended:
        ended = self.run(kind)
        assert ended.code == 0, f"{kind}: {ended.text}"
        return ended

    def _copy(self, source: Path, target: Path) -> None:
        # one call, so that data and DVC's cache stay hard links of each other
        (target / ".dvc").mkdir(exist_ok=True)
        there = [name for name in _MADE if (source / name).exists()]
        command = ["cp", "-a", "--parents", *there, str(target)]
        subprocess.run(command, cwd=source, check=True)


@contextmanager
def study(
    folder: Path, kinds: Sequence[str] = (), values: Mapping[str, object] | None = None
) -> Iterator[Study]:
    """A study that is made, and closed at the end."""
    made = Study(folder, kinds, values)
    try:
        yield made
    finally:
        made.close()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
