"""Settings of the machine: environment variables, which change speed and never a result.

Each is checked when it is used; a stage and `signal-perception repro` check all of them before any
work starts.
"""

import os
import re

from signal_perception.pipeline.errors import UserError

BATCH = "SIGNAL_PERCEPTION_BATCH"
DASK = "DASK_SCHEDULER_ADDRESS"
DEVICE = "SIGNAL_PERCEPTION_DEVICE"
# Tells a stage how many stages run at a time.
LANES = "SIGNAL_PERCEPTION_LANES"
MEMORY = "SIGNAL_PERCEPTION_MEMORY"
PROCESSES = "SIGNAL_PERCEPTION_PROCESSES"
WORKERS = "SIGNAL_PERCEPTION_WORKERS"

# Variable → the smallest number that it may be, and what it is a number of.
_NUMBERS = {
    BATCH: (1, "a whole number of clips, 1 or more"),
    LANES: (1, "a whole number of lanes, 1 or more"),
    MEMORY: (0, "a whole number of MiB, 0 or more"),
    PROCESSES: (1, "a whole number, 1 or more"),
    WORKERS: (1, "a whole number of processes, 1 or more"),
}
_NUMBER = re.compile(r"[0-9]{1,9}")
_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,2})?")
# The kinds of address that Dask knows, or a machine with a port.
_ADDRESS = re.compile(
    r"(?P<kind>(tcp|tls|ucxx?|wss?|inproc)://)?"
    r"([A-Za-z0-9_./-]+|\[[0-9A-Fa-f:]+\])(:(?P<port>[0-9]{1,5}))?/?"
)
_LETTERS = 100


def number(variable: str) -> int | None:
    """The whole number that a variable has; None where it is not set. UserError where it is none.

    Digits are those from 0 to 9: Python takes ² for one, too.
    """
    text = os.environ.get(variable)
    if text is None:
        return None
    least, what = _NUMBERS[variable]
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise UserError(f"{variable} is {_shown(text)}; it must be {what}.")
    return int(text)


def device() -> str | None:
    """The device that is asked for; None where the machine is to choose."""
    text = os.environ.get(DEVICE)
    if text is not None and not _DEVICE.fullmatch(text):
        raise UserError(f"{DEVICE} is {_shown(text)}; it must be cpu, cuda or cuda:<number>.")
    return text


def scheduler() -> str | None:
    """The address of the Dask scheduler that units are given to; None where they stay here."""
    text = os.environ.get(DASK)
    if not text:
        return None
    found = _ADDRESS.fullmatch(text)
    named = found is not None and (found["kind"] or found["port"])
    if found is None or not named or int(found["port"] or 0) > 65535:
        raise UserError(
            f"{DASK} is {_shown(text)}; it must be the address of a scheduler, for instance "
            "tcp://node1:8786, or not set."
        )
    return text


def refuse_malformed() -> None:
    """UserError where a variable is not what it should be."""
    for variable in _NUMBERS:
        number(variable)
    device()
    scheduler()


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…")
