"""The decode stage at the scale of HMDB51: speed, memory, a kill, one worker against several.

    python -m benchmarks.look_alike /tmp/look_alike
    python -m benchmarks.scale /tmp/look_alike [--workers 2]

Three runs in copies of the project, with default parameters: an unbroken one with one worker; one
of several workers, killed (SIGKILL) at half of the shards and continued by one worker; an unbroken
one with several workers. The clip stores and the table of verdicts of the last two are compared
with the first, byte by byte.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer

from benchmarks.stores import settings
from signal_perception.decode import table
from signal_perception.decode.settings import RAW
from signal_perception.pipeline import stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.scratch import SCRATCH
from tests.support import project

_DATASET = "hmdb51"
_TABLE = f"reports/decode/{_DATASET}.csv"
# Seconds between two looks at memory and progress.
_EVERY = 0.2
_CATALOGUE = f"""
from signal_perception.decode.catalogue import load_catalogue
from signal_perception.decode.settings import RAW
from signal_perception.pipeline import params
source = params.load().datasets["{_DATASET}"].source
print(len(load_catalogue("{_DATASET}", source, RAW / "{_DATASET}").videos))
"""


@dataclass(frozen=True)
class Run:
    """What was seen of one run.

    seconds: of wall time. looks: (finished shards, bytes resident in the process tree).
    """

    seconds: float
    looks: list[tuple[int, int]]
    messages: str

    def peak(self, start: float = 0, stop: float = float("inf")) -> float:
        """Largest resident memory, MB, while from `start` to `stop` shards were finished."""
        sizes = (size for done, size in self.looks if start <= done <= stop)
        return max(sizes, default=0) / 1e6


def copy(target: Path, videos: Path) -> Path:
    """The project in `target` with HMDB51 as its only data set, whose videos are a link."""
    values = {"study.datasets": [_DATASET], "decode.shard": settings().shard}
    project.copy(target, values)
    (target / RAW).mkdir(parents=True)
    (target / RAW / _DATASET).symlink_to(videos.resolve())
    return target


def decode(folder: Path, workers: int = 1, stop_at: int | None = None) -> Run:
    """Run the stage in a copy and watch it.

    stop_at: kill it and all its processes when so many shards are finished.
    """
    with tempfile.TemporaryFile("w+") as messages:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "stages/decode.py", _DATASET],
            cwd=folder,
            env=_environment(folder, workers),
            stderr=messages,
            start_new_session=True,
        )
        looks, finished = [(0, 0)], 0
        while process.poll() is None:
            # at the end the scratch is removed: what was finished stays finished
            finished = max(finished, _finished(folder))
            looks.append((finished, _resident(process.pid)))
            if stop_at is not None and finished >= stop_at:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                looks.append((_finished(folder), 0))
                break
            time.sleep(_EVERY)
        seconds = time.perf_counter() - begin
        messages.seek(0)
        text = messages.read()
    if stop_at is None and process.returncode:
        raise UserError(f"The decode stage failed in {folder}: {text.strip()}")
    if stop_at is not None and process.returncode != -signal.SIGKILL:
        raise UserError(f"The run in {folder} ended before it could be killed; use more videos.")
    return Run(seconds, looks, text)


def differing(one: Path, other: Path) -> tuple[int, list[str]]:
    """Number of files of the clip stores and the table in `one`, and the names of unequal ones.

    Those are files that `other` lacks, has too many or has differently.
    """
    first, second = _files(one), _files(other)
    return len(first), sorted(
        name
        for name in first.keys() | second.keys()
        if name not in first or name not in second or first[name]() != second[name]()
    )


def _files(folder: Path) -> dict[str, Callable[[], bytes]]:
    """Reader of every output file of the stage, by its path in the copy."""
    found = [each for each in (folder / "data/clips").rglob("*") if each.is_file()]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes for path in [*found, folder / _TABLE]
    }


def _finished(folder: Path) -> int:
    return sum(1 for _ in (folder / SCRATCH).glob("*/*/verdicts/*.json"))


def _environment(folder: Path, workers: int) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "SIGNAL_PERCEPTION_WORKERS": str(workers),
    }


def _resident(process: int) -> int:
    """Bytes resident in a process and all below it; pages that they share count for each."""
    try:
        parent = psutil.Process(process)
        tree = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for each in tree:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            # ended between the two looks
            continue
    return total


def main(
    folder: Annotated[
        Path, typer.Argument(help="An HMDB51 or a look-alike: class folders and split lists.")
    ],
    workers: Annotated[int, typer.Option(help="Processes of the other two runs.")] = 2,
) -> None:
    """Decode, kill, resume and compare."""
    with tempfile.TemporaryDirectory() as temporary:
        unbroken, killed, parallel = (
            copy(Path(temporary) / name, folder) for name in ("unbroken", "killed", "parallel")
        )
        _print("catalogue", _catalogue(unbroken))
        first = decode(unbroken)
        videos, shards = _report_first(unbroken, first)

        broken = decode(killed, workers, stop_at=max(1, shards // 2))
        _print(
            "killed",
            f"{workers} workers, with {broken.looks[-1][0]} of {shards} shards finished, after "
            f"{broken.seconds:.1f} s",
        )
        resumed = decode(killed)
        _print("resumed", f"{resumed.seconds:.1f} s; {resumed.messages.strip().splitlines()[0]}")
        equal = [_compared("resumed", unbroken, killed)]

        several = decode(parallel, workers)
        _print(
            f"{workers} workers",
            f"{several.seconds:.1f} s, {videos / several.seconds:.1f} videos/s, "
            f"{first.seconds / several.seconds:.2f} × one worker, peak {several.peak():.0f} MB",
        )
        equal.append(_compared(f"{workers} workers", unbroken, parallel))
    if not all(equal):
        raise SystemExit(1)


def _catalogue(folder: Path) -> str:
    """How many videos the catalogue has, and how long it takes."""
    begin = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", _CATALOGUE],
        cwd=folder,
        env=_environment(folder, 1),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise UserError(f"There is no catalogue in {folder}: {answer.stderr.strip()}")
    seconds = time.perf_counter() - begin
    return f"{answer.stdout.split()[-1]} videos, {seconds:.1f} s with the start of Python"


def _report_first(folder: Path, run: Run) -> tuple[int, int]:
    """Print what the unbroken run made; its numbers of videos and of shards."""
    verdicts = table.read(folder / _TABLE)
    counts = verdicts["verdict"].value_counts().items()
    videos, frames = len(verdicts), verdicts["decoded"].sum()
    shards = sum(1 for _ in (folder / "data/clips").glob("*/*/shards/[0-9]*"))
    sizes = [each.stat().st_size for each in (folder / "data/clips").rglob("*") if each.is_file()]
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts)
    _print("table", f"{videos} videos, {frames} frames: {listed}")
    _print(
        "1 worker",
        f"{run.seconds:.1f} s, {videos / run.seconds:.1f} videos/s, "
        f"{frames / run.seconds:.0f} frames/s, {shards} shards",
    )
    quarters = " / ".join(
        f"{run.peak(shards * i // 4, shards * (i + 1) // 4):.0f}" for i in range(4)
    )
    _print(
        "memory",
        f"peak {run.peak():.0f} MB; largest in each quarter of the shards {quarters} MB",
    )
    _print("store", f"{sum(sizes) / 1e6:.1f} MB in {len(sizes)} files")
    return videos, shards


def _compared(name: str, one: Path, other: Path) -> bool:
    files, unequal = differing(one, other)
    answer = (
        f"{len(unequal)} DIFFER: {', '.join(unequal[:5])}"
        if unequal
        else f"all {files} files equal byte by byte"
    )
    _print(name, answer)
    return not unequal


def _print(name: str, text: str) -> None:
    print(f"{name:12} {text}", flush=True)


if __name__ == "__main__":
    stage.run(main)
