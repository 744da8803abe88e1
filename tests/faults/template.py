"""A process that has imported what stages import, and forks one for each run of a stage.

A run then takes its own time, not the seconds of PyTorch's import. The fork is a session of its own
with its own working directory, environment and output file; it runs `stages/<stage>.py` of the
study as the main program. As a program: `template.py <package>`, then requests as lines of JSON.

An audit hook counts what a run does to files below the study (`EVENTS`, and opening to write) and
lets a fault happen just before one of them. Libraries that write by themselves are not seen.
"""

import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

EVENTS = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}
# What a full disk refuses; a rename or a removal needs no room.
_NEEDS_ROOM = ("open", "os.link", "os.mkdir")
_HEAVY = (
    *("numpy", "pandas", "pyarrow.parquet", "scipy.special", "scipy.stats", "zarr", "av"),
    *("torch", "torch.nn.functional", "torch.utils.data", "safetensors.torch", "timm.layers"),
    *("torchvision.transforms", "timm.data", "timm.optim", "timm.scheduler", "pydantic", "typer"),
    *("sklearn.linear_model", "matplotlib.figure", "matplotlib.backends.backend_agg", "seaborn"),
    *("altair", "vl_convert", "jinja2", "PIL.Image", "psutil", "pebble", "ruamel.yaml", "rich"),
    *("matplotlib.backends.backend_pdf", "decord", "xxhash", "simplejpeg"),
)


class Hook:
    """Counts events; from the one with a number on, or at it, the fault happens.

    fault: {"do": kill, term, int or an error number, "at": number of the event, "publishing": count
    from the first event at an output on, "outputs": only events there}.
    """

    def __init__(self, fault: dict[str, Any], outputs: list[str]):
        self.fault, self.root = fault, f"{Path.cwd()}{os.sep}"
        self.places = tuple(str(Path(self.root, out).parent) for out in outputs)
        self.count = self.first = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" and event not in EVENTS:
            return
        paths = [self._below(each) for each in arguments[:2] if isinstance(each, str | os.PathLike)]
        paths = [path for path in paths if path and "__pycache__" not in path]
        if not paths or (event == "open" and not _writes(arguments)):
            return
        at_output = any(path.startswith(self.places) for path in paths)
        self.count += 1
        if at_output and not self.first:
            self.first = self.count
        if self._now(at_output):
            self._happen(event, paths[-1])

    def _below(self, path: str | os.PathLike[str]) -> str | None:
        whole = str(Path(self.root, path))
        return whole if whole.startswith(self.root) else None

    def _now(self, at_output: bool) -> bool:
        if not self.fault or (self.fault.get("outputs") and not at_output):
            return False
        if self.fault.get("publishing"):
            number = self.count - self.first + 1 if self.first else 0
        else:
            number = self.count
        lasts = self.fault["do"] not in SIGNALS
        at = self.fault.get("at", 1)
        return number >= at if lasts else number == at

    def _happen(self, event: str, path: str) -> None:
        what = self.fault["do"]
        if what == "term":
            os.kill(os.getpid(), signal.SIGTERM)
        elif what in SIGNALS:
            os.killpg(0, SIGNALS[what])
        elif self.fault.get("outputs") or event in _NEEDS_ROOM:
            raise OSError(what, os.strerror(what), path)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if mode is not None:
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _run(request: dict[str, Any]) -> int:
    """In the fork: the stage as the main program; its exit code."""
    os.chdir(request["root"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(request["environment"])
    sys.path.insert(0, str(Path(request["root"], "src")))
    script, *arguments = request["command"]
    sys.argv = [script, *arguments]
    hook = Hook(request["fault"], request["outputs"])
    code = 0
    sys.addaudithook(hook)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    hook.fault = {}
    sys.stdout.flush()
    sys.stderr.flush()
    Path(request["output"]).with_suffix(".json").write_text(
        json.dumps({"events": hook.count, "first": hook.first})
    )
    return code


def _fork(request: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        os.setsid()
        code = 70
        try:
            code = _run(request)
        finally:
            os._exit(code)
    return child


def _answer(line: str) -> int:
    """A run's process id for what is to run; its exit code (negative: a signal) for such an id."""
    request = json.loads(line)
    if isinstance(request, dict):
        return _fork(request)
    return os.waitstatus_to_exitcode(os.waitpid(request, 0)[1])


def _serve(answer: Callable[[str], int]) -> None:
    for line in sys.stdin:
        print(answer(line), flush=True)


if __name__ == "__main__":
    # what it declares to PyTorch lives as long as its names do
    shim = runpy.run_path(str(Path(sys.argv[1], "pipeline/torchvision_shim.py")))
    for name in _HEAVY:
        importlib.import_module(name)
    _serve(_answer)
