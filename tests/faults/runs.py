"""Runs of stages, each a fork of a process that has imported what stages import."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from signal_perception.pipeline import dvcfile
from tests.support import project

# One process and thread, so that a run's moments repeat; the whole study has been checked once.
ENVIRONMENT = {
    "PYTHONPATH": "src",
    "OMP_NUM_THREADS": "1",
    "SIGNAL_PERCEPTION_WORKERS": "1",
    "SIGNAL_PERCEPTION_CHECKED": "1",
}
# A stage of this study takes seconds; one that takes minutes hangs.
LIMIT = 120.0
# In which the other processes of a stage follow its first.
_PATIENCE = 5.0


@dataclass(frozen=True)
class Ended:
    """A run of a stage that is over.

    code: negative where a signal ended it. text: all that it said. events: what it did to files;
    first: the number of the first that touched an output. seconds: wall clock.
    """

    code: int
    text: str
    seconds: float
    events: int = 0
    first: int = 0


class Running:
    """A stage at work."""

    def __init__(
        self,
        template: "Template",
        root: Path,
        stage: dvcfile.Stage,
        fault: dict[str, Any],
        after: tuple[float, str] | None,
    ):
        self._template = template
        self._output = Path(tempfile.mkdtemp(dir=template.folder)) / "output"
        self._began = time.monotonic()
        script = stage.command.split("python ", 1)[1].split()
        self.pid = template.ask(
            {
                "root": str(root),
                "command": script,
                "environment": ENVIRONMENT | {"DVC_STAGE": stage.name},
                "outputs": [str(out) for out in stage.outs],
                "output": str(self._output),
                "fault": fault,
            }
        )
        self._timers = [Timer(LIMIT, self.signal, ("kill",))]
        if after:
            self._timers.append(Timer(after[0], self.signal, (after[1],)))
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def signal(self, name: str) -> None:
        """Send a signal to all processes of the run, where any is left."""
        number = getattr(signal, f"SIG{name.upper()}")
        if self.alive:
            os.killpg(self.pid, number)

    @property
    def alive(self) -> bool:
        """Whether any process of the run is there."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stays(self) -> bool:
        """Whether a process of the run is still there, some time after its end."""
        until = time.monotonic() + _PATIENCE
        while self.alive and time.monotonic() < until:
            time.sleep(0.05)
        return self.alive

    def end(self) -> Ended:
        """Wait for the end."""
        code = self._template.ask(self.pid)
        seconds = time.monotonic() - self._began
        for timer in self._timers:
            timer.cancel()
        if seconds > LIMIT:
            return Ended(code, f"It hung: killed after {seconds:.0f} seconds.", seconds)
        counts = self._output.with_suffix(".json")
        found = json.loads(counts.read_text()) if counts.exists() else {}
        return Ended(code, self._output.read_text(errors="replace"), seconds, **found)


class Template:
    """The process that forks runs."""

    def __init__(self, root: Path):
        self.folder = Path(tempfile.mkdtemp(dir=root.parent))
        program = [sys.executable, str(Path(__file__).with_name("template.py"))]
        self._process = subprocess.Popen(
            [*program, str(root / "src/signal_perception")],
            env=project.environment() | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
