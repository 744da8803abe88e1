"""Faults of the machine at reading a video, told apart from what is wrong with its content.

A disk that fails, rights that lack, too many open files, no memory: none of these is a verdict on a
video, so each ends the run with a sentence. What FFmpeg raises proves neither: it answers damaged
content with "Input/output error" or "Operation not permitted", too. The file itself is asked then.
"""

import hashlib
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from av.error import FFmpegError

from signal_perception.decode.names import shown
from signal_perception.pipeline.errors import UserError

# What decoding a video within `limits` has at once, more or less: files of either decoder, bytes.
_FILES, _ROOM = 8, 2**28


def raise_if_its_own(error: Exception, path: Path) -> None:
    """UserError where an error at reading a file is the machine's for sure; nothing otherwise."""
    if isinstance(error, UserError):
        raise error
    if isinstance(error, OSError | MemoryError) and not isinstance(error, FFmpegError):
        raise fault(error, path) from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content; UserError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, MemoryError) as error:
        raise fault(error, path) from None


def refuse_scarcity(path: Path) -> None:
    """UserError where there are no more files to open, or no more memory."""
    try:
        with ExitStack() as opened:
            for _ in range(_FILES):
                opened.enter_context(path.open("rb"))
            np.empty(_ROOM, np.uint8)
    except (OSError, MemoryError) as error:
        raise fault(error, path) from None


def refuse_an_unreadable_file(path: Path, sha256: str) -> None:
    """UserError where a file cannot be read whole now, or has not the content it had."""
    refuse_scarcity(path)
    if file_hash(path) != sha256:
        raise unsteady(path, "its content changed while it was decoded")


def unsteady(path: Path, what: str) -> UserError:
    """A file that is not the same each time it is read."""
    return UserError(
        f"{shown(path)} cannot be judged: {what}; that is no fault of the video, so look at the "
        "disk and at what writes there, and run again: what is finished is kept."
    )


def fault(error: Exception, path: Path) -> UserError:
    """An error of the machine as a sentence that names the file and the cause."""
    cause = error.strerror if isinstance(error, OSError) else "Cannot allocate memory"
    return UserError(
        f"{shown(path)} could not be read: {cause or error}; that is no fault of the video, so "
        "nothing is said of it: mend the cause and run again, what is finished is kept."
    )
