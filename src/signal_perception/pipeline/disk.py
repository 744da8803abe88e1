"""Files on a disk that may be full, lose its power, or hold what a killed process left."""

import errno
import os
import platform
import re
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from signal_perception.pipeline.errors import UserError

# What an operating system says of a disk that takes no more.
_FULL = {errno.ENOSPC, errno.EDQUOT}
# An unfinished file says who writes it. Hyphens part the parts of its name.
_HOST = re.sub(r"\W", "", platform.node())[:16]
_UNFINISHED = re.compile(r"\.unfinished-(?:(\w*)-)?(\d+)-.*", re.DOTALL)
# What libraries write before they rename it: zarr, safetensors.
_OF_LIBRARIES = re.compile(r".*\.partial|\.tmp\w{6}", re.DOTALL)
# Files that are brought to the disk at a time: it does several in the time of one.
_AT_ONCE = 8


def unfinished(target: Path) -> Path:
    """Where this process writes what will be renamed to `target`."""
    return target.with_name(f".unfinished-{_HOST}-{os.getpid()}-{target.name}")


def sweep(folder: Path) -> None:
    """Remove what killed processes left below a folder; nobody else may be at work there."""
    for path in _strays(folder):
        remove(path)


def sweep_beside(target: Path) -> None:
    """Remove what killed processes left of `target`, an output, or in it."""
    for path in _listed(target.parent):
        if _abandoned(path) and path.name.endswith(f"-{target.name}"):
            remove(path)
    if target.is_dir():
        sweep(target)


def _strays(folder: Path) -> Iterator[Path]:
    for path in _listed(folder):
        if _abandoned(path) or _OF_LIBRARIES.fullmatch(path.name):
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _strays(path)


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _abandoned(path: Path) -> bool:
    """Whether nobody will rename this unfinished file or folder any more.

    A process of another machine cannot be asked. Where its file goes it fails; where its folder
    goes it may make a new one and believe it complete, so a folder stays.
    """
    match = _UNFINISHED.fullmatch(path.name)
    if match is None:
        return False
    host, number = match.groups()
    if host in (None, _HOST):
        # what this process left it will not touch again
        return int(number) == os.getpid() or not alive(int(number))
    return not path.is_dir()


def alive(process: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync(path: Path) -> None:
    """Bring a file, or a folder with all that is in it, to the disk: power may be lost."""
    inside = list(path.rglob("*")) if path.is_dir() else []
    files = [path, *inside]
    if len(files) < _AT_ONCE:
        _sync_each(files)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_sync_one, files))


def sync_name(path: Path) -> None:
    """Bring the name of a file or folder to the disk."""
    _sync_one(path.parent)


def _sync_each(files: Iterable[Path]) -> None:
    for file in files:
        _sync_one(file)


def _sync_one(path: Path) -> None:
    if path.is_symlink():
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        # some file systems cannot, of a folder or at all
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(file)


def remove(path: Path) -> None:
    """Delete a file, a folder with all that is in it, a link, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def says_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is about a full disk.

    Libraries turn the system's error into a text, or into an error about what follows from it.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(os.strerror(number) in str(error) for number in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def full(target: Path, source: Path | None = None) -> UserError:
    """The sentence about a disk that has no room for `target`, a copy of `source`."""
    place = next(folder for folder in (target, *target.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    needs = f" and {source} needs {size(source) / 1e6:.1f} MB" if source else ""
    return UserError(
        f"The disk of {target} is full: {free / 1e6:.1f} MB are free{needs}; make room and run "
        "again: finished work is not lost."
    )
