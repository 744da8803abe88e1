"""What lies among raw files and is none: folders in a video's place, pipes, sockets, devices.

Opening a pipe waits for ever, and so does DVC, which reads every file of a data set.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from signal_perception.decode import machine

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder, no file"),
    (stat.S_ISFIFO, "a pipe, no file"),
    (stat.S_ISSOCK, "a socket, no file"),
    (stat.S_ISCHR, "a device, no file"),
    (stat.S_ISBLK, "a device, no file"),
)
_ABSENT = {errno.ENOENT, errno.ENOTDIR}


def no_file(path: Path) -> str:
    """Why there is no file at `path` to be read, in words; "" where there is one.

    Nothing is opened. UserError where the machine does not say.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP or (error.errno in _ABSENT and path.is_symlink()):
            return "a link that leads nowhere"
        if error.errno in _ABSENT:
            return "no such file"
        if error.errno == errno.ENAMETOOLONG:
            return "its name is too long"
        raise machine.fault(error, path) from None
    return next((words for matches, words in _KINDS if matches(mode)), "")


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder below a folder, itself too, and the names of its files; links are not followed.

    UserError where one cannot be listed: it would seem empty.
    """

    def fail(error: OSError) -> None:
        raise machine.fault(error, Path(error.filename))

    for place, _, files in os.walk(folder, onerror=fail):
        yield Path(place), files


def special(folder: Path) -> list[tuple[Path, str]]:
    """What no one should read below a folder, sorted, and what it is in words.

    Pipes, sockets, devices, links to them, links that lead nowhere, and files without the right to
    read them.
    """
    found = []
    for place, files in walk(folder):
        for path in (place / name for name in files):
            if why := no_file(path) or _forbidden(path):
                found.append((path, why))
    return sorted(found)


def _forbidden(path: Path) -> str:
    return "" if os.access(path, os.R_OK) else "a file that may not be read"
