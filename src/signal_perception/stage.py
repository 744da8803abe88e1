"""How a stage script or command runs: a user's mistake ends it with one sentence and exit code 1, never with a traceback."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from signal_perception.errors import UserError


def run(main: Callable[..., None] | typer.Typer) -> None:
    """Run a stage's `main` (its arguments become the command line) or a whole typer application."""
    try:
        main() if isinstance(main, typer.Typer) else typer.run(main)
    except UserError as error:
        # DVC names the stage by itself; by hand the script's name helps
        stage = os.environ.get("DVC_STAGE", Path(sys.argv[0]).name)
        print(f"error in {stage}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
