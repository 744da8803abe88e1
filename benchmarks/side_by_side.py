"""One and two at a time: lanes of a small study, workers of a Dask cluster, times and bytes.

    python -m benchmarks.side_by_side [--lanes/--no-lanes] [--dask/--no-dask]

Copies of the project with a tiny study of two models. Lanes: the whole study with one and with two.
Dask: its units of decoding, evaluation, extraction, features and noise here, on one worker and on
two, by DVC with --force. Every output of dvc.lock is compared byte by byte.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from ruamel.yaml import YAML

from signal_perception.pipeline import stage
from signal_perception.pipeline.errors import UserError
from tests.support import project

_VALUES = {"datasets.shapes.source.test_per_class": 4, "extract.keep": "both"}
_KINDS = ("decode", "evaluate", "extract", "features", "noise")


def main(
    lanes: bool = True, dask: bool = True, at_once: Annotated[int, typer.Option()] = 2
) -> None:
    """Print times, their ratios and whether the bytes agree."""
    with tempfile.TemporaryDirectory() as temporary:
        first = project.copy(Path(temporary) / "first", _VALUES)
        seconds = _repro(first, 1)
        expected = outputs(first)
        print(f"lanes 1      {seconds:.1f} s, {len(expected)} output files", flush=True)
        if lanes:
            second = project.copy(Path(temporary) / "second", _VALUES)
            took = _repro(second, at_once)
            _said(f"lanes {at_once}", took, seconds, expected, outputs(second))
        if dask:
            here = _forced(first)
            _said("Dask none", here, here, expected, outputs(first))
            for workers in (1, at_once):
                with _cluster(first, workers) as address:
                    took = _forced(first, DASK_SCHEDULER_ADDRESS=address)
                _said(f"Dask {workers}", took, here, expected, outputs(first))


def outputs(folder: Path) -> dict[str, str]:
    """Hash of every file of every output that dvc.lock names."""
    lock = YAML(typ="safe").load((folder / "dvc.lock").read_text(encoding="utf-8"))
    found = {}
    for each in lock["stages"].values():
        for out in each.get("outs", ()):
            path = folder / out["path"]
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                if file.is_file():
                    name = str(file.relative_to(folder))
                    found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _environment(folder: Path, **more: str) -> dict[str, str]:
    one_thread = {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    return project.environment() | one_thread | {"SIGNAL_PERCEPTION_WORKERS": "1"} | more


def _repro(folder: Path, lanes: int) -> float:
    code = "from signal_perception.commands.app import main; main()"
    return _timed(folder, [sys.executable, "-c", code, "repro", "--lanes", str(lanes)])


def _forced(folder: Path, **environment: str) -> float:
    lock = YAML(typ="safe").load((folder / "dvc.lock").read_text(encoding="utf-8"))
    names = [name for name in lock["stages"] if name.partition("@")[0] in _KINDS]
    for scratch in (folder / ".scratch").glob("*"):
        shutil.rmtree(scratch)
    # in an order in which they can run
    names.sort(key=lambda name: _KINDS.index(name.partition("@")[0]))
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", "--force", *names]
    return _timed(folder, command, **environment)


def _timed(folder: Path, command: list[str], **environment: str) -> float:
    begin = time.perf_counter()
    ended = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder, **environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise UserError(f"{command[-1]} failed in {folder}: {ended.stdout}{ended.stderr}")
    return time.perf_counter() - begin


@contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[str]:
    """The address of a cluster of the project in `folder`, by its own docs/cluster.py."""
    script = Path(__file__).parents[1] / "docs/cluster.py"
    process = subprocess.Popen(
        [sys.executable, str(script), "local", "--workers", str(workers)],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _said(
    name: str, seconds: float, before: float, expected: dict[str, str], found: dict[str, str]
) -> None:
    unequal = [each for each in expected | found if expected.get(each) != found.get(each)]
    bytes_ = f"{len(unequal)} DIFFER: {unequal[:3]}" if unequal else f"all {len(found)} files equal"
    print(f"{name:12} {seconds:.1f} s, {before / seconds:.2f} × as fast; {bytes_}", flush=True)


if __name__ == "__main__":
    os.environ.pop("DASK_SCHEDULER_ADDRESS", None)
    stage.run(main)
