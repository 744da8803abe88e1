"""What a Dask worker does with a unit of work, and whether it is fit for it.

It must run in the project's folder, see its files and have its code: otherwise results would be
lost, or be of other code. Its first unit of a run looks.
"""

import hashlib
import os
import pickle
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import signal_perception
from signal_perception.pipeline import ends
from signal_perception.pipeline.errors import UserError

# Seconds until a new file must be seen.
_SEEN = 10.0
# What decides the bits of results, beside this project's own code.
_PACKAGES = ("numpy", "torch", "zarr", "av", "simplejpeg")
# Run → why this worker cannot work for it, or "".
_MISFITS: dict[str, str] = {}


@dataclass(frozen=True)
class Here:
    """What a worker must have as well. file: relative to the project's folder."""

    run: str
    root: str
    file: str
    code: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Failure:
    """What became of a unit that is not done.

    worker: its address. said: in words. misfit: the worker is at fault, and why. fault: the unit
    brought its process down.
    """

    worker: str
    said: str
    misfit: str = ""
    fault: bool = False


@contextmanager
def here() -> Iterator[Here]:
    """What workers are measured by; while it lasts there is a file that all of them must see."""
    token = uuid.uuid4().hex
    file = Path(".scratch") / f".seen-{token}"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    try:
        yield Here(token, str(Path().resolve()), str(file), _code(), _versions())
    finally:
        file.unlink(missing_ok=True)


@cache
def _code() -> str:
    """Hash of this package's source, as it was when the process first worked."""
    root = Path(signal_perception.__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return found.hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def visit(
    measure: Here, work: Callable[[Any], object], apart: bool, unit: object
) -> Failure | None:
    """On a worker: do a unit. apart: in a process of its own."""
    from distributed import get_worker

    worker = get_worker().address
    if measure.run not in _MISFITS:
        _MISFITS[measure.run] = _misfit(measure, worker)
    if misfit := _MISFITS[measure.run]:
        return Failure(worker, misfit, misfit=misfit)
    if apart:
        return _apart(worker, work, unit)
    try:
        work(unit)
    except Exception as error:
        return Failure(worker, said(error))
    return None


def _misfit(measure: Here, worker: str) -> str:
    """Why this worker cannot work for that project; "" if it can."""
    advice = "start the workers in the project's folder, with its PYTHONPATH=src and environment"
    end = time.monotonic() + _SEEN
    while not Path(measure.file).exists():
        if time.monotonic() > end:
            return (
                f"The Dask worker {worker} runs in {Path().resolve()} and does not see the file "
                f"{measure.file} of {measure.root}; {advice}, on a file system that all of them "
                "share."
            )
        time.sleep(0.2)
    if _code() != measure.code:
        own = Path(signal_perception.__file__).parent
        return (
            f"The Dask worker {worker} runs other code ({own}) than this project; {advice}, and "
            "start them again after code has changed."
        )
    for name, wanted in measure.versions.items():
        if _versions()[name] != wanted:
            return (
                f"The Dask worker {worker} has {name} {_versions()[name]} instead of {wanted}; "
                f"{advice}."
            )
    return ""


def _apart(worker: str, work: Callable[[Any], object], unit: object) -> Failure | None:
    # a worker may have no children of multiprocessing
    ended = subprocess.run(
        [sys.executable, "-m", "signal_perception.pipeline.apart"],
        input=pickle.dumps((work, unit)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=False,
    )
    if ended.returncode == 0:
        return None
    said = ended.stdout.decode(errors="replace").strip()
    fault = ended.returncode in ends.FAULTS
    return Failure(worker, said or ends.said(ended.returncode), fault=fault)


def said(error: Exception) -> str:
    """An error within a sentence."""
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return f"{kind}{error}".rstrip(".")
