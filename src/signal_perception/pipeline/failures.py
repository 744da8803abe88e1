"""What a machine cannot do, in a sentence: a disk that is full or fails, memory that is used up."""

import errno
import os
from pathlib import Path

from signal_perception.pipeline import disk

# What a system says of its own state, whatever the program does.
_OF_THE_MACHINE = {
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EROFS,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
# What it says of a name that leads nowhere; letters of it that are shown.
_NO_PATH, _LETTERS = {errno.ENAMETOOLONG, errno.ELOOP}, 100
_LESS_MEMORY = (
    "close other programs or set SIGNAL_PERCEPTION_WORKERS, SIGNAL_PERCEPTION_MEMORY or the lanes "
    "smaller, and run again: finished work is not lost"
)


def sentence(error: Exception) -> str | None:
    """The sentence about an error that is the machine's; None for any other."""
    name = getattr(error, "filename", None)
    if disk.says_full(error):
        return str(disk.full(Path(os.fsdecode(name or "."))))
    if isinstance(error, MemoryError) or _is_about_memory(error):
        details = (str(error).splitlines() or ["no details"])[0]
        return f"Memory did not do ({details}); {_LESS_MEMORY}."
    if isinstance(error, OSError) and error.errno in _NO_PATH and name:
        shown, why = str(name), os.strerror(error.errno).lower()
        return f"The path {shown[:_LETTERS]}… of {len(shown)} letters is refused: {why}."
    if isinstance(error, PermissionError) and name:
        return f"{name} may not be read or written; change its rights."
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        what = f"{name} cannot" if name else "A file cannot"
        return (
            f"{what} be read or written: {os.strerror(error.errno)}; mend that and run again: "
            "finished work is not lost."
        )
    return None


def _is_about_memory(error: Exception) -> bool:
    """Whether PyTorch says so of the CPU's memory, or a system of a new process."""
    text = str(error)
    return (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in text) or (
        isinstance(error, OSError) and error.errno == errno.ENOMEM
    )
