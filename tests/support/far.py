"""A project with one tiny activation store, pushed to a remote, and a clone that has nothing."""

import contextlib
import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import zarr
from dvc.cli import main

from signal_perception.extract import shards, store, store_writer
from signal_perception.extract.store import Part, StoreFacts, TapFacts
from tests.support.project import ROOT

PATH = "data/activations/shapes/swin/shapes-0.zarr"
TAPS = ("00.mlp", "01.mlp", "02.mlp")
SHAPE = (4, 8, 8, 16)
_PART = Part(tuple("abcdef"), tuple("abcdef"), ("x", "y") * 3, 1)
_FACTS = StoreFacts(("clip", "static"), 0.1, "ab" * 32, "none", _PART, _PART)
_PIPELINE = f"""stages:
  extract:
    cmd: exit 3
    outs:
    - {PATH}
  spectra:
    cmd: exit 4
    deps:
    - {PATH}
    outs:
    - spectra.txt
"""


def values(tap: str) -> np.ndarray:
    """The activations of a tap: (input video time height width channel)."""
    draws = np.random.default_rng(TAPS.index(tap))
    return draws.normal(size=(2, 6, *SHAPE)).astype(np.float16)


def means(tap: str) -> dict[str, np.ndarray]:
    """The means of a tap."""
    draws = np.random.default_rng(TAPS.index(tap))
    bins = zip(store.BINS, _tap(tap).bins, strict=True)
    found = {name: draws.normal(size=(2, 6, 3, count)) for name, count in bins}
    return found | {"dead": draws.uniform(size=(2, 6))}


def project(folder: Path) -> Path:
    """The project, its store in DVC's cache, its dvc.lock in Git."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(_PIPELINE, encoding="utf-8")
    (folder / "spectra.txt").write_text("made", encoding="utf-8")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "params", folder / "params")
    (folder / ".gitignore").write_text("/data\n/spectra.txt\n", encoding="utf-8")
    write(folder / PATH)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.email", "a@b.c")
    git(folder, "config", "user.name", "a")
    # what dvc init makes
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    dvc(folder, "commit", "-q", "-f")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Give Git all that it does not ignore."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "study")


def clone(source: Path, folder: Path) -> Path:
    """A clone without data and cache."""
    git(source, "clone", "-q", str(source), str(folder))
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def dvc(folder: Path, *arguments: str) -> str:
    """What DVC prints; it must be content. In this process: starting one takes a second."""
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        code = main(list(arguments))
    assert code == 0, said.getvalue()
    return said.getvalue()


def push(folder: Path) -> None:
    """Push all, in a process of its own: DVC leaves connections open."""
    subprocess.run([sys.executable, "-m", "dvc", "push", "-q"], cwd=folder, check=True)


def write(path: Path) -> None:
    """The store."""
    taps = [_tap(name) for name in TAPS]
    path.parent.mkdir(parents=True)
    store_writer.create(path, _FACTS, taps)
    for tap in taps:
        folder = path / "activations" / tap.tap / "activation"
        array = zarr.open_array(folder, mode="r")
        for number, clips in enumerate(values(tap.tap)):
            shards.write(folder, array, number, range(6), clips)
        store_writer.write_means(path, _FACTS, tap, means(tap.tap))
    store_writer.finish(path, _FACTS, taps)


def _tap(name: str) -> TapFacts:
    order = TAPS.index(name)
    return TapFacts(name, "mlp", order, "stream", 2.0, order, SHAPE, 1e-6, 1e-6, 1e-6, "float16")
