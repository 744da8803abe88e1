"""One call of DVC in a lane: what it says, how it waits for another DVC, how it is stopped.

It has a session of its own, so a terminal's Ctrl-C does not reach it: `stop` sends the signals, in
an order in which DVC gives its locks back.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

import psutil

DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]
# Where the last lines of stages that failed are kept.
FAILED = Path("logs/failed")
# What DVC says after every stage; `lanes.HINT` says it once.
_HINTS = (
    "To track the changes with git, run:",
    "To enable auto staging, run:",
    "git add dvc.lock",
    "dvc config core.autostage true",
    "Use `dvc push` to send your updates",
    "Updating lock file 'dvc.lock'",
    "Generating lock file 'dvc.lock'",
)
# What it says where another DVC has the files or the records.
_BUSY = (
    "is busy, it is being blocked by",
    "Unable to acquire lock",
    "If there are no processes with such PIDs",
)
_BLOCKER = re.compile(r"\s*\(PID \d+\): .+")
# Lines that are kept of a stage; seconds between two tries, and between two looks.
_LINES, _AGAIN, _LOOK = 400, 3.0, 0.05
# How a stage is asked to end, and for how many seconds before the next way: at SIGINT it gives its
# locks back; a shell's & makes its children deaf to that one.
_WAYS = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


class Lane:
    """A call of DVC that may be stopped from another thread.

    name: of its stage. show: gets each line that DVC and the stage write.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        show: Callable[[str], object],
    ):
        self.name = name
        self._command = [*DVC, *arguments]
        self._environment = environment
        self._show = show
        self._said: deque[str] = deque(maxlen=_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._stopping = Event()

    def run(self) -> int:
        """Exit code of the call. Where another DVC is at work on the same files, it waits."""
        told = False
        while not self._stopping.is_set():
            code = self._once()
            if code == 0 or not _busy(self._said):
                return code
            if not told:
                self._tell(waits(self.name, self._said))
                told = True
            self._stopping.wait(_AGAIN)
        return -signal.SIGINT

    def keep_messages(self) -> Path:
        """Write its last lines to a file, for a stage that failed."""
        FAILED.mkdir(parents=True, exist_ok=True)
        path = FAILED / f"{self.name}.log"
        path.write_text("".join(f"{line}\n" for line in self._said), encoding="utf-8")
        return path

    def processes(self) -> list[psutil.Process]:
        """All processes that belong to the call, those too that began a session of their own."""
        process = self._process
        # the number of a process that was waited for may be another's
        if process is None or process.returncode is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(process.pid)
            return [own, *own.children(recursive=True), *_of_session(process.pid)]
        return []

    def _once(self) -> int:
        self._said.clear()
        # whole lines through a pipe: the progress bars of several lanes would overwrite each other
        with subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as self._process:
            assert self._process.stdout is not None
            for line in without_hints(self._process.stdout):
                self._said.append(line.rstrip("\n"))
                # a busy one is told in one sentence, by `run`
                if not _busy([line]) and not _BLOCKER.fullmatch(line.strip()):
                    self._tell(line.rstrip("\n"))
        return self._process.returncode

    def _tell(self, line: str) -> None:
        # a closed terminal or a full disk below a log is no reason to lose a stage
        with suppress(OSError):
            self._show(line)


def ask(*arguments: str) -> str | None:
    """What DVC answers, once no other DVC is in its way; None where it fails and has said why."""
    told = False
    while True:
        asked = subprocess.run([*DVC, *arguments], capture_output=True, text=True, check=False)
        said = asked.stderr.splitlines()
        if asked.returncode == 0 or not _busy(said):
            break
        if not told:
            print(waits("The question what has changed", said), file=sys.stderr, flush=True)
            told = True
        time.sleep(_AGAIN)
    print(asked.stderr, end="", file=sys.stderr, flush=True)
    return asked.stdout if asked.returncode == 0 else None


def waits(what: str, said: Iterable[str]) -> str:
    """The sentence for a call that waits for another DVC, by what DVC said."""
    found = dict.fromkeys(line.strip() for line in said if _BLOCKER.fullmatch(line))
    who = f" {', '.join(found)}" if found else ""
    return f"{what} waits for another DVC at work here{who}."


def stop(lanes: Sequence[Lane], hurry: Callable[[], bool]) -> None:
    """End all processes of the lanes; `hurry` says whether to wait no longer for a gentle end."""
    for each in lanes:
        each._stopping.set()
    known: set[psutil.Process] = set()
    for number, seconds in _WAYS:
        known |= {process for each in lanes for process in each.processes()}
        for process in known:
            # a process that ended meanwhile, or whose number is another's now
            with suppress(psutil.Error):
                process.send_signal(number)
        end = time.monotonic() + seconds
        while any(_alive(process) for process in known) and time.monotonic() < end:
            if hurry() and number != signal.SIGKILL:
                break
            time.sleep(_LOOK)
            known |= {process for each in lanes for process in each.processes()}
        if not any(_alive(process) for process in known):
            return


def without_hints(lines: Iterable[str]) -> Iterator[str]:
    """What DVC and a stage say, without the advice that DVC repeats after every stage.

    Blank lines go with it: DVC sets them around its advice alone.
    """
    return (line for line in lines if line.strip() and not line.strip().startswith(_HINTS))


def _busy(said: Iterable[str]) -> bool:
    return any(busy in line for line in said for busy in _BUSY)


def _alive(process: psutil.Process) -> bool:
    # a zombie has ended; the thread of its lane gets its exit code
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _of_session(leader: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader:
                found.append(process)
    return found
