"""The decode stage at the scale of HMDB51: speed, memory, a kill in the middle, one worker against several.

    python -m benchmarks.look_alike /tmp/look_alike
    python -m benchmarks.scale /tmp/look_alike [--workers 2]

Three runs in copies of the project, with default parameters: an unbroken one with one worker; one of several workers, killed (SIGKILL)
at half of the shards and continued by one worker; an unbroken one with several workers. The clip stores and the table of verdicts of the
last two are compared with the first, byte by byte.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import psutil
import typer
from ruamel.yaml import YAML

from signal_perception import paths, stage
from signal_perception.errors import UserError

_ROOT = Path(__file__).resolve().parents[1]
_PARTS = ("src", "stages", "dvc.yaml", "params.yaml", ".dvcignore")
_DATASET = "hmdb51"
_EVERY = 0.2  # seconds between two looks at memory and progress
_CATALOGUE = f"""
from signal_perception import ingest, params, paths
print(len(ingest.load_catalog(params.load(paths.PARAMS), "{_DATASET}").videos))
"""


@dataclass(frozen=True)
class Run:
    """What was seen of one run: wall seconds, and (finished shards, bytes resident in the process tree) at every look."""

    seconds: float
    looks: list[tuple[int, int]]
    messages: str

    def peak(self, start: float = 0, stop: float = float("inf")) -> float:
        """Largest resident memory, MB, while from `start` to `stop` shards were finished."""
        return max((size for done, size in self.looks if start <= done <= stop), default=0) / 1e6


def copy(target: Path, videos: Path) -> Path:
    """The project in `target` with HMDB51 as its only data set, whose videos are a link."""
    for part in _PARTS:
        source = _ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / part)
    yaml = YAML()
    content = yaml.load((target / paths.PARAMS).read_text(encoding="utf-8"))
    content["study"]["datasets"] = [_DATASET]
    with (target / paths.PARAMS).open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
    (target / paths.RAW).mkdir(parents=True)
    (target / paths.raw(_DATASET)).symlink_to(videos.resolve())
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=target, check=True)
    return target


def decode(folder: Path, workers: int = 1, stop_at: int | None = None) -> Run:
    """Run the stage in a copy and watch it; kill it and all its processes when `stop_at` shards are finished."""
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
        raise UserError(f"the decode stage failed in {folder}: {text.strip()}")
    if stop_at is not None and process.returncode != -signal.SIGKILL:
        raise UserError(f"the run in {folder} ended before it could be killed: use more videos")
    return Run(seconds, looks, text)


def differing(one: Path, other: Path) -> tuple[int, list[str]]:
    """Number of files of the clip stores and the table in `one`, and the names of those that `other` lacks, has too many or differently."""
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
        path.relative_to(folder).as_posix(): path.read_bytes for path in [*found, folder / paths.decode_table(_DATASET)]
    }


def _finished(folder: Path) -> int:
    return sum(1 for _ in (folder / paths.SCRATCH).glob("*/*/verdicts/*.json"))


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
            continue  # ended between the two looks
    return total


def main(
    folder: Annotated[Path, typer.Argument(help="An HMDB51 or a look-alike: class folders and split lists.")],
    workers: Annotated[int, typer.Option(help="Processes of the other two runs.")] = 2,
) -> None:
    """Decode, kill, resume and compare."""
    with tempfile.TemporaryDirectory() as temporary:
        unbroken, killed, parallel = (
            copy(Path(temporary) / name, folder) for name in ("unbroken", "killed", "parallel")
        )

        begin = time.perf_counter()
        environment = _environment(unbroken, 1)
        answer = subprocess.run(
            [sys.executable, "-c", _CATALOGUE],
            cwd=unbroken,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise UserError(f"no catalogue of {folder}: {answer.stderr.strip()}")
        _print(
            "catalogue",
            f"{answer.stdout.split()[-1]} videos, {time.perf_counter() - begin:.1f} s with the start of Python",
        )

        first = decode(unbroken)
        table = pd.read_csv(unbroken / paths.decode_table(_DATASET))
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().items())
        total = sum(1 for _ in (unbroken / "data/clips").glob("*/*/shards/[0-9]*"))
        stored = [each for each in (unbroken / "data/clips").rglob("*") if each.is_file()]
        _print("table", f"{len(table)} videos, {table['decoded'].sum()} frames: {verdicts}")
        _print(
            "1 worker",
            f"{first.seconds:.1f} s, {len(table) / first.seconds:.1f} videos/s, "
            f"{table['decoded'].sum() / first.seconds:.0f} frames/s, {total} shards",
        )
        quarters = " / ".join(f"{first.peak(total * i // 4, total * (i + 1) // 4):.0f}" for i in range(4))
        _print("memory", f"peak {first.peak():.0f} MB; largest in each quarter of the shards {quarters} MB")
        _print("store", f"{sum(each.stat().st_size for each in stored) / 1e6:.1f} MB in {len(stored)} files")

        broken = decode(killed, workers, stop_at=max(1, total // 2))
        _print(
            "killed",
            f"{workers} workers, with {broken.looks[-1][0]} of {total} shards finished, after {broken.seconds:.1f} s",
        )
        resumed = decode(killed)
        _print("resumed", f"{resumed.seconds:.1f} s; {resumed.messages.strip().splitlines()[0]}")
        equal = [_compared("resumed", unbroken, killed)]

        several = decode(parallel, workers)
        _print(
            f"{workers} workers",
            f"{several.seconds:.1f} s, {len(table) / several.seconds:.1f} videos/s, {first.seconds / several.seconds:.2f} × one worker, "
            f"peak {several.peak():.0f} MB",
        )
        equal.append(_compared(f"{workers} workers", unbroken, parallel))
    if not all(equal):
        raise SystemExit(1)


def _compared(name: str, one: Path, other: Path) -> bool:
    files, unequal = differing(one, other)
    answer = f"{len(unequal)} DIFFER: {', '.join(unequal[:5])}" if unequal else f"all {files} files equal byte by byte"
    _print(name, answer)
    return not unequal


def _print(name: str, text: str) -> None:
    print(f"{name:12} {text}", flush=True)


if __name__ == "__main__":
    stage.run(main)
