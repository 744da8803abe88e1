"""Units of work: independent pieces, each with a file that exists once the piece is finished.

A killed run leaves finished units behind; the next run does what is left and nothing else.
"""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from signal_perception.pipeline import workers
from signal_perception.pipeline.errors import UserError

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Write = Callable[[Path], object]

# What an operating system says of a disk that takes no more.
_FULL = {errno.ENOSPC, errno.EDQUOT}
# What it says where a file cannot have a second name: another disk, a file system without links.
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


@dataclass(frozen=True)
class Unit(Generic[Item]):
    """A piece of work: what it is about, and the file or folder that exists once it is done."""

    item: Item
    result: Path

    @property
    def finished(self) -> bool:
        return self.result.exists()


def finish(
    units: Sequence[Unit[Item]],
    work: Callable[..., object],
    *,
    label: str,
    noun: str = "unit",
    prepare: Callable[[], object] | None = None,
    isolate: bool = False,
) -> list[Unit[Item]]:
    """Do every unit that is left, wherever `workers` says, under one progress bar.

    Parameters
    ----------
    work: `work(item, path)`, or `work(prepared, item, path)` with `prepare`, writes the unit's
        result to `path`, which is renamed to `unit.result` when `work` returns.
    label, noun: for the progress bar: what is being done, and what a unit is.
    prepare, isolate: see `workers.run`.

    Returns
    -------
    The units whose process ended by a fault of its own; none unless `isolate`.
    """
    left = [unit for unit in units if not unit.finished]
    return workers.run(
        left,
        partial(_do, work),
        label=label,
        noun=noun,
        done=len(units) - len(left),
        prepare=prepare,
        isolate=isolate,
    )


def stream(
    units: Sequence[Unit[Item]],
    work: Callable[[Prepared, Sequence[Item], Callable[[Item, Write], None]], object],
    *,
    label: str,
    noun: str,
    prepare: Callable[[], Prepared],
) -> None:
    """Do every unit that is left in one go, for work that does not stop between two of them.

    Parameters
    ----------
    work: `work(prepared, items, done)` calls `done(item, write)` when an item is finished, in any
        thread; `write(path)` makes its result. On a cluster each item is a call of its own.
    label, noun, prepare: see `finish`.
    """
    left = [unit for unit in units if not unit.finished]
    workers.run(
        left,
        partial(_stream, work),
        label=label,
        noun=noun,
        done=len(units) - len(left),
        prepare=prepare,
        together=True,
    )


def _stream(
    work: Callable[..., object],
    prepared: object,
    units: Sequence[Unit[Item]],
    advance: Callable[[], object],
) -> None:
    results = {unit.item: unit.result for unit in units}

    def done(item: Item, write: Write) -> None:
        write_atomically(results[item], write)
        advance()

    work(prepared, list(results), done)


def _do(work: Callable[..., object], *prepared_and_unit: object) -> None:
    *prepared, unit = prepared_and_unit
    assert isinstance(unit, Unit)
    write_atomically(unit.result, lambda path: work(*prepared, unit.item, path))


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file or folder under a temporary name beside `target`, then rename it.

    `target` exists complete or not at all. A full disk is a UserError that names it.
    """
    unfinished = target.with_name(f".unfinished-{os.getpid()}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
        write(unfinished)
        _replace(unfinished, target)
    except BaseException as error:
        _remove(unfinished)
        if isinstance(error, OSError):
            raise_if_full(error, target)
        raise


def place(source: Path, target: Path) -> None:
    """Give a file or folder a second place, complete at any time; `source` stays as it is.

    Files are hard links where the file system can, copies where it cannot (another disk). A full
    disk is a UserError that says how much is needed.
    """

    def copy(path: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, path, copy_function=_link_or_copy)
        else:
            _link_or_copy(source, path)

    try:
        write_atomically(target, copy)
    except shutil.Error as error:
        # copytree collects the errors of its files as texts
        if any(os.strerror(number) in str(error) for number in _FULL):
            raise _full(target, source) from None
        raise
    except UserError:
        raise _full(target, source) from None


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, target)


def raise_if_full(error: OSError, target: Path) -> None:
    """Turn an error about a full disk into a sentence that names the place."""
    if error.errno in _FULL:
        raise _full(target) from None


def _full(target: Path, source: Path | None = None) -> UserError:
    place = next(folder for folder in (target, *target.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    needs = f" and {source} needs {size(source) / 1e6:.1f} MB" if source else ""
    return UserError(
        f"The disk of {target} is full: {free / 1e6:.1f} MB are free{needs}; make room and run "
        "again: finished work is not lost."
    )


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _replace(source: Path, target: Path) -> None:
    """Rename over `target`, which may be a folder (a link to one is replaced, not followed)."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    source.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
