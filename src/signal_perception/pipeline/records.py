"""What a finished stage took: logs/stages/<stage>.json, a file for the latest run of each.

No output of the pipeline: it holds times. `plan` scales these numbers to what is asked now, and the
report's page says from them when and where its numbers were made.

stage            DVC's name, e.g. "noise@shapes-swin-0"
seconds          wall clock from the start of its process to its end
cpu_seconds      of all its threads and processes
device           name of the GPU that it used, else "cpu"
processor        model of the CPU
cores            that it could use
lanes            stages that ran side by side; null where unknown
memory_mib       most that its process held
work             what its progress bars counted: unit, count, how many of these an earlier run did
                 (`before`), seconds
params           the parameters that dvc.yaml declares for it, as they were
inputs, outputs  path → bytes, of data and tables
git_revision     of the project; null outside Git
git_changed      whether code or parameters differed from it
versions         package → version
finished         ISO 8601, UTC
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from signal_perception.pipeline import disk, environment, progress, units, workers
from signal_perception.pipeline.dvcfile import DVCFILE, Stage, declared
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import PARAMS

FOLDER = Path("logs/stages")
# Those that results and their report may depend on.
_PACKAGES = (
    *("torch", "torchvision", "timm", "safetensors", "decord", "av", "zarr", "numpy", "scipy"),
    *("scikit-learn", "pandas", "pyarrow", "matplotlib", "seaborn", "altair", "vl-convert-python"),
    "dvc",
)
_CODE = ("src", "stages", "params", str(PARAMS), str(DVCFILE))


def write(stage: Stage) -> None:
    """Keep the record of a stage that has just finished in this process.

    A record that cannot be written is said and forgotten: no stage fails for it.
    """
    file = path(stage.name)
    try:
        text = json.dumps(_record(stage), indent=1) + "\n"
        units.write_atomically(file, lambda place: place.write_text(text, encoding="utf-8"))
    except (OSError, UserError, ValueError, subprocess.SubprocessError) as error:
        print(f"note: {file} could not be written ({error})", file=sys.stderr, flush=True)


def path(name: str) -> Path:
    """The record of a stage, in the tree that it runs in."""
    return Path(os.environ.get("DVC_ROOT", ".")) / FOLDER / f"{name}.json"


def read(root: Path = Path()) -> dict[str, dict[str, Any]]:
    """Stage → record, of all that are there and whole."""
    found = {}
    for file in sorted((root / FOLDER).glob("*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, Mapping) and "stage" in content and "seconds" in content:
            found[str(content["stage"])] = dict(content)
    return found


def processor() -> str:
    """Model of the CPU, as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Package → version, of Python and of the packages that results and report may depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def revision(root: Path = Path()) -> tuple[str | None, bool]:
    """The project's Git commit, None without Git; whether code or parameters differ from it."""

    def git(*arguments: str) -> str | None:
        try:
            asked = subprocess.run(
                ["git", *arguments],
                cwd=root,
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except OSError:
            return None
        return asked.stdout.strip() if asked.returncode == 0 else None

    changed = git("status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    return git("rev-parse", "HEAD") or None, bool(changed)


def _record(stage: Stage) -> dict[str, Any]:
    own = psutil.Process()
    times = os.times()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lanes, (commit, changed) = os.environ.get(environment.LANES), revision()
    return {
        "stage": stage.name,
        "seconds": round(time.time() - own.create_time(), 2),
        "cpu_seconds": round(sum(times[:4]), 2),
        "device": _device(),
        "processor": processor(),
        "cores": workers.cores(),
        "lanes": int(lanes) if lanes else None,
        # kilobytes, on macOS bytes
        "memory_mib": peak >> (20 if sys.platform == "darwin" else 10),
        "work": progress.counted(),
        "params": declared(stage),
        "inputs": _sizes(stage.inputs),
        "outputs": _sizes(stage.outs),
        "git_revision": commit,
        "git_changed": changed,
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _device() -> str:
    # a stage that needs no PyTorch has not imported it, and does not for this
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    return "cpu"


def _sizes(paths: tuple[Path, ...]) -> dict[str, int]:
    return {each.as_posix(): disk.size(each) for each in paths if each.exists()}
