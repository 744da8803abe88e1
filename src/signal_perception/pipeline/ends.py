"""How a process that did a unit of work ended, in words."""

import signal

# How a process ends by a fault of its own.
FAULTS = {
    -number
    for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
}


def said(code: int) -> str:
    """What an exit code means, without a full stop."""
    if code == -signal.SIGKILL:
        return "its process was killed (signal 9), most likely for want of memory"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


def name(unit: object) -> str:
    """What a sentence calls a unit: its result's path, if it has one."""
    return str(getattr(unit, "result", unit))
