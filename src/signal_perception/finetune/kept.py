"""The state of a training run in a file, from which a killed one goes on."""

import sys
from pathlib import Path
from typing import Any

import torch

from signal_perception.pipeline import units


def keep(state: dict[str, Any], file: Path) -> None:
    """Write a state in place of the one before; it is not lost where power is."""
    units.keep(file, lambda path: _write(state, path), durable=True)


def read(file: Path, run: str, *, speaks: bool) -> dict[str, Any] | None:
    """The state that was kept last; None where there is none, or a damaged one.

    run: what the sentence about a damaged one calls it. speaks: whether this process says it.
    """
    if units.finished(file):
        return torch.load(file, map_location="cpu", weights_only=True)
    if file.exists() and speaks:
        print(
            f"{run}: the state of training in {file} is damaged (it does not agree with its "
            "checksum), so training begins anew.",
            file=sys.stderr,
            flush=True,
        )
    return None


def _write(state: dict[str, Any], path: Path) -> None:
    # through Python, which says why a file cannot be written
    with path.open("wb") as file:
        torch.save(state, file)
