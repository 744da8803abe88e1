"""A tiny study run twice from nothing, with other workers and batches: are all bytes equal?"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from signal_perception.commands import output
from signal_perception.commands.use import use
from signal_perception.pipeline import lock
from signal_perception.pipeline.errors import UserError

PRESET = Path("presets/check.yaml")
# What a project needs in order to run.
_PARTS = ("src", "stages", "params", "presets", "params.yaml", "dvc.yaml", ".dvcignore")
# What changes speed and must not change a byte: as it comes, and one worker with odd batches.
_RUNS = (
    ("as this machine runs it", {}),
    (
        "one worker, three clips at once",
        {"SIGNAL_PERCEPTION_WORKERS": "1", "SIGNAL_PERCEPTION_BATCH": "3"},
    ),
)
# Lines of a log that a failure shows.
_SHOWN = 30


@dataclass(frozen=True)
class Compared:
    """What two runs say. outputs: how many were compared. differ: paths that are not equal."""

    outputs: int
    differ: tuple[str, ...]


def rerun_command(as_json: bool) -> bool:
    """Run the study of `PRESET` twice in temporary folders; True if all outputs are equal."""
    with tempfile.TemporaryDirectory(prefix="signal-perception-") as place:
        found = []
        for number, (said, environment) in enumerate(_RUNS, 1):
            started = time.monotonic()
            found.append(_outputs(Path(place) / str(number), environment))
            seconds = time.monotonic() - started
            print(f"run {number} ({said}): {seconds:.0f} s", file=sys.stderr, flush=True)
    compared = compare(*found)
    if as_json:
        output.as_json(compared)
    elif compared.differ:
        output.table("", ("not equal",), [(path,) for path in compared.differ])
        print(f"{len(compared.differ)} of {compared.outputs} outputs differ between two runs")
    else:
        print(f"{compared.outputs} outputs of a tiny study, run twice: all bytes are equal")
    return not compared.differ


def compare(first: dict[str, str], second: dict[str, str]) -> Compared:
    """Two runs, each path → hash: an output that one run lacks differs."""
    paths = sorted(first.keys() | second.keys())
    return Compared(
        len(paths), tuple(path for path in paths if first.get(path) != second.get(path))
    )


def _outputs(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Path → hash of every output of the study, run in a new project in `folder`."""
    folder.mkdir()
    for part in map(Path, _PARTS):
        if part.is_dir():
            shutil.copytree(part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, folder / part)
    use(folder / PRESET, folder)
    _dvc(folder, {}, "init", "--no-scm")
    _dvc(folder, environment, "repro")
    return {path: promise.md5 for path, promise in lock.outputs(folder).items()}


def _dvc(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments, "--quiet"],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-_SHOWN:]), file=sys.stderr)
        raise UserError(
            f"The tiny study of {PRESET} did not run to its end; what went wrong stands above."
        )
