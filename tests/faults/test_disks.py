"""Disks that are full or cannot be written to: one sentence, and nothing is lost."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.outcomes import TABLE, after, judged, spread
from tests.faults.study import KEEPING, STAGES, Study

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kind", STAGES)
def test_full(whole: Study, kind: str) -> None:
    """From a moment on nothing that needs room is done."""
    outcomes, clean = [], whole.clean_runs[kind]
    for at in spread(clean.events, 5 if kind in KEEPING else 2):
        whole.restore()
        ended = whole.run(kind, {"do": errno.ENOSPC, "at": at})
        outcome = judged(whole, kind, ended, "full")
        outcomes.append(after(whole, kind, outcome, whole.run(kind)))
    TABLE.check(kind, "disk full", outcomes)


@pytest.mark.parametrize("kind", KEEPING)
def test_full_file_system(whole: Study, kind: str) -> None:
    """A real one, of a few kilobytes, for unfinished work; then with room."""
    outcomes = []
    for size in ("8k", "64k"):
        whole.restore()
        with _file_system(whole.root / ".scratch", size) as place:
            outcome = judged(whole, kind, whole.run(kind), "full", "are free")
            _mount("-o", "remount,size=1g", str(place))
            outcomes.append(after(whole, kind, outcome, whole.run(kind)))
    TABLE.check(kind, "small file system full", outcomes)


@pytest.mark.parametrize("kind", STAGES)
def test_read_only_output(whole: Study, kind: str) -> None:
    outcomes = []
    places = [str(out.parent) for out in whole.stages[kind].outs]
    for number in (errno.EROFS, errno.EACCES):
        whole.restore()
        ended = whole.run(kind, {"do": number, "outputs": True})
        outcome = judged(whole, kind, ended, *places)
        outcomes.append(after(whole, kind, outcome, whole.run(kind)))
    TABLE.check(kind, "output read-only", outcomes)


@contextmanager
def _file_system(place: Path, size: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system of a few kilobytes")
    place.mkdir(exist_ok=True)
    said = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    if said.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {said.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
