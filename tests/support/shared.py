"""A pipeline of four stages that take no time, to be shared: frames, data, tables, a report."""

import shutil
import subprocess
import sys
from pathlib import Path

from signal_perception.pipeline.remotes import Moved
from tests.support import project

_BEFORE = (
    f"import sys; sys.path.insert(0, {str(project.ROOT / 'src')!r}); "
    "from pathlib import Path; from signal_perception.pipeline import remotes"
)
_DVC = """
stages:
  decode:
    matrix:
      dataset: [open, private]
    cmd: {python} work.py decode ${{item.dataset}} data/clips/${{item.dataset}}/test.zarr \
reports/decode/${{item.dataset}}.csv
    outs:
    - data/clips/${{item.dataset}}/test.zarr:
        push: false
    - reports/decode/${{item.dataset}}.csv:
        cache: false
    deps: [work.py]
  noise:
    cmd: {python} work.py noise ${{sigma}} data/noise.bin reports/noise.csv
    params: [sigma]
    deps: [work.py, data/clips/open/test.zarr]
    outs:
    - data/noise.bin
    - reports/noise.csv:
        cache: false
  report:
    cmd: {python} work.py report all reports/figures
    deps: [work.py, reports/noise.csv, reports/decode]
    outs:
    - reports/figures:
        cache: false
"""
_WORK = """
import os, pathlib, sys
name, value, *outs = sys.argv[1:]
with open(os.environ["RAN"], "a") as ran:
    print(name, value, file=ran)
seen = value + "".join(p.read_text() for p in sorted(pathlib.Path("reports").rglob("*.csv")))
for out in map(pathlib.Path, outs):
    if out.suffix in (".bin", ".csv"):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(f"{name} {value}\\n")
    else:
        out.mkdir(parents=True)
        for n in range(3):
            (out / f"{n}").write_text(f"{name} {seen if name == 'report' else value} {n}\\n")
"""


def make(folder: Path) -> Path:
    """The project in `folder`, run once and in Git."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(_DVC.format(python=sys.executable), encoding="utf-8")
    (folder / "work.py").write_text(_WORK, encoding="utf-8")
    (folder / "params.yaml").write_text("sigma: 1.0\n", encoding="utf-8")
    (folder / ".gitignore").write_text("/data\n", encoding="utf-8")
    project.run(folder, "git", "init", "-q")
    for key, value in (("user.name", "Test"), ("user.email", "test@example.org")):
        project.run(folder, "git", "config", key, value)
    assert project.dvc(folder, "init", "-q").returncode == 0
    assert project.dvc(folder, "repro", "-q").returncode == 0
    return folder


def clone(source: Path, target: Path) -> Path:
    """A clone as a colleague has it: with what Git has, and the secrets of the remote."""
    for command in (["add", "-A"], ["commit", "-q", "-m", "results"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    subprocess.run(["git", "clone", "-q", str(source), str(target)], check=True)
    if (secrets := source / ".dvc/config.local").exists():
        shutil.copy(secrets, target / ".dvc/config.local")
    return target


def contents(folder: Path) -> dict[str, bytes]:
    """Every product of the project, byte for byte."""
    found = [path for top in ("data", "reports") for path in (folder / top).rglob("*")]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if path.is_file() and path.name != ".gitignore"
    }


def move(folder: Path, call: str) -> Moved:
    """What `remotes.<call>` did, in a process of its own: clients of servers leave sockets open."""
    done = project.run(folder, sys.executable, "-c", f"{_BEFORE}; print(repr(remotes.{call}))")
    assert done.returncode == 0, done.stderr
    return eval(done.stdout.splitlines()[-1], {"Moved": Moved, "PosixPath": Path})
