"""Units of work: independent pieces, each with a file that exists once the piece is finished.

A killed run leaves finished units behind; the next run does what is left and nothing else. Each has
a checksum in a file beside it (`checksums`); what does not agree with its own is made anew.
"""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from signal_perception.pipeline import checksums, disk, workers
from signal_perception.pipeline.errors import UserError

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Write = Callable[[Path], object]

# What a system says where a file cannot have a second name: another disk, or no links at all.
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


@dataclass(frozen=True)
class Unit(Generic[Item]):
    """A piece of work: what it is about, and the file or folder that exists once it is done.

    others: files and folders that are written with it, before it.
    """

    item: Item
    result: Path
    others: tuple[Path, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether all of it is there as it was written; looked at once in a run."""
        return checksums.agrees(self.result, self.others)


def finish(
    units: Sequence[Unit[Item]],
    work: Callable[..., object],
    *,
    label: str,
    noun: str = "unit",
    prepare: Callable[[], object] | None = None,
    isolate: bool = False,
    sound: Callable[[Item], bool] | None = None,
) -> list[Unit[Item]]:
    """Do every unit that is left, wherever `workers` says, under one progress bar.

    Parameters
    ----------
    work: `work(item, path)`, or `work(prepared, item, path)` with `prepare`, writes the unit's
        result to `path`, which is renamed to `unit.result` when `work` returns.
    label, noun: for the progress bar: what is being done, and what a unit is.
    prepare, isolate: see `workers.run`.
    sound: whether a finished unit's part of what it shares with others is still as it should be.

    Returns
    -------
    The units whose process ended by a fault of its own; none unless `isolate`.
    """
    left = _left(units, label, noun, sound)
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
    sound: Callable[[Item], bool] | None = None,
) -> None:
    """Do every unit that is left in one go, for work that does not stop between two of them.

    Parameters
    ----------
    work: `work(prepared, items, done)` calls `done(item, write)` when an item is finished, in any
        thread; `write(path)` makes its result. On a cluster each item is a call of its own.
    label, noun, prepare, sound: see `finish`.
    """
    left = _left(units, label, noun, sound)
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
    by_item = {unit.item: unit for unit in units}

    def done(item: Item, write: Write) -> None:
        unit = by_item[item]
        keep(unit.result, write, unit.others)
        advance()

    work(prepared, list(by_item), done)


def _do(work: Callable[..., object], *prepared_and_unit: object) -> None:
    *prepared, unit = prepared_and_unit
    assert isinstance(unit, Unit)
    keep(unit.result, lambda path: work(*prepared, unit.item, path), unit.others)


def _left(
    units: Sequence[Unit[Item]],
    label: str,
    noun: str,
    sound: Callable[[Item], bool] | None,
) -> list[Unit[Item]]:
    """The units that are to be done; what is there of them and damaged is removed, and said."""
    left = [unit for unit in units if not (unit.finished and (sound is None or sound(unit.item)))]
    damaged = [forget(unit.result, *unit.others) for unit in left]
    if any(damaged):
        found = f"{sum(damaged)} of {len(units)} {noun}s in {units[0].result.parent}"
        print(f"{label}: {found} are damaged and made anew.", file=sys.stderr, flush=True)
    return left


def forget(result: Path, *others: Path) -> bool:
    """Remove a unit's checksum, result and others; whether they had been finished."""
    checksum = checksums.beside(result)
    finished = checksum.exists() and result.exists()
    for path in (checksum, result, *others):
        disk.remove(path)
    return finished


def finished(result: Path) -> bool:
    """Whether a file or folder, a unit by itself, is there as `keep` wrote it."""
    return checksums.agrees(result)


def make(result: Path, write: Write) -> None:
    """Let `write` make a file or folder, a unit by itself, unless it is finished."""
    if not finished(result):
        keep(result, write)


def keep(result: Path, write: Write, others: Sequence[Path] = (), *, durable: bool = False) -> None:
    """Let `write` make the file or folder of a unit, in place of one that is there.

    durable: see `write_atomically`; without it a loss of power may cost the unit, which its
        checksum shows.
    """
    written: list[bytes] = []

    def write_and_sum(path: Path) -> None:
        write(path)
        written.append(checksums.line(path, others))
        # before the result is in place: it has its checksum at any moment
        checksums.add(result, written[0])
        if durable:
            disk.sync(checksums.beside(result))

    write_atomically(result, write_and_sum, durable=durable)
    checksums.settle(result, written[0])


def write_atomically(target: Path, write: Write, *, durable: bool = True) -> None:
    """Let `write` make a file or folder under a temporary name beside `target`, then rename it.

    `target` exists complete or not at all. A full disk is a UserError that names it.

    durable: also where power is lost.
    """
    unfinished = disk.unfinished(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        disk.remove(unfinished)
        write(unfinished)
        if durable:
            disk.sync(unfinished)
        _replace(unfinished, target)
        if durable:
            disk.sync_name(target)
    except BaseException as error:
        # where the disk is full even this may fail, and is swept later
        with suppress(OSError):
            disk.remove(unfinished)
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
    except UserError:
        raise disk.full(target, source) from None


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, target)


def raise_if_full(error: BaseException, target: Path) -> None:
    """Turn an error about a full disk into a sentence that names the place."""
    if isinstance(error, Exception) and not isinstance(error, UserError) and disk.says_full(error):
        raise disk.full(target) from None


def _replace(source: Path, target: Path) -> None:
    """Rename over `target`, which may be a folder (a link to one is replaced, not followed)."""
    if not target.is_dir() or target.is_symlink():
        source.replace(target)
        return
    # no folder takes another's place in one step
    before = disk.unfinished(target.with_name(f"before-{target.name}"))
    disk.remove(before)
    target.replace(before)
    source.replace(target)
    disk.remove(before)
