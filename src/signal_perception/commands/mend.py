"""Damaged outputs put back from what is intact: DVC's cache, or Git.

A file in the workspace is often the very one in DVC's cache (a hard link), so DVC would put back
the damage. What is damaged is removed in both places; inputs that no stage makes are the user's
own and stay.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from signal_perception.pipeline import lock
from signal_perception.pipeline.lock import FOLDER, Fault, Promise


def mend(faults: Sequence[Fault], cache: Path) -> list[Fault]:
    """Put back what can be; the faults that are left, as they are afterwards."""
    outs = lock.outputs()
    ours = [fault for fault in faults if fault.promise.path in outs]
    for fault in ours:
        _drop(fault, cache)
    promised = list({fault.promise.path: fault.promise for fault in faults}.values())
    made = [promise for promise in promised if promise.path in outs]
    whole = [promise.path for promise in made if _is_cached(promise, cache)]
    if whole:
        _checkout(whole)
    for promise in made:
        if promise.path not in whole and not promise.md5.endswith(FOLDER):
            _from_git(promise)
    return [fault for promise in promised for fault in lock.check(promise, cache=cache)]


def _drop(fault: Fault, cache: Path) -> None:
    """Remove what is not as promised: in the workspace, and in DVC's cache where it is there."""
    path = Path(fault.path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if fault.md5:
        _drop_damaged(fault.md5, cache)


def _drop_damaged(md5: str, cache: Path) -> None:
    stored = lock.cached(md5, cache)
    if stored.is_file() and lock.file_md5(stored) != md5.removesuffix(FOLDER):
        stored.unlink()


def _is_cached(promise: Promise, cache: Path) -> bool:
    """Whether DVC's cache has all that is promised, unharmed."""

    def intact(md5: str) -> bool:
        stored = lock.cached(md5, cache)
        return stored.is_file() and lock.file_md5(stored) == md5.removesuffix(FOLDER)

    if not intact(promise.md5):
        return False
    if not promise.md5.endswith(FOLDER):
        return True
    files = set((lock.listed_files(promise, cache) or {}).values())
    for md5 in files:
        _drop_damaged(md5, cache)
    return all(lock.cached(md5, cache).is_file() for md5 in files)


def _checkout(paths: Iterable[str]) -> None:
    command = [sys.executable, "-m", "dvc", "checkout", "--quiet", "--force", *paths]
    # what it says goes to stderr, where the user reads it; what is left is looked at afterwards
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def _from_git(promise: Promise) -> None:
    """The file as the last commit has it, where that is the one that is promised."""
    asked = subprocess.run(
        ["git", "show", f"HEAD:./{promise.path}"], capture_output=True, check=False
    )
    if asked.returncode == 0 and lock.md5(asked.stdout) == promise.md5:
        Path(promise.path).parent.mkdir(parents=True, exist_ok=True)
        Path(promise.path).write_bytes(asked.stdout)
