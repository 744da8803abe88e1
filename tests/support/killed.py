"""A process that is killed at its n-th change of a file system, played in this process."""

import os
from collections.abc import Callable

import pytest

from tests.support.damage import another_process

OPERATIONS = ("rename", "replace", "link", "unlink", "rmdir", "mkdir", "ftruncate", "pwrite")


class Killed(BaseException):
    """The process is gone: nothing catches it, and nothing is cleaned up."""


def killed_at(number: int, run: Callable[[], object]) -> bool:
    """Call `run`, and end it before its n-th change of a file system; whether it came so far."""
    count = 0

    def counted(usual: Callable) -> Callable:
        def operation(*arguments: object, **named: object) -> object:
            nonlocal count
            count += 1
            # also what would clean up afterwards
            if count >= number:
                raise Killed
            return usual(*arguments, **named)

        return operation

    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            run()
        except Killed:
            pass
        finally:
            # the next run is another process
            another_process()
    return count >= number
