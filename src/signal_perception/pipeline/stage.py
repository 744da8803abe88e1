"""How a stage script or command runs.

A stage is told what dvc.yaml declares for it, and nothing else: parameters, inputs and outputs. A
user's mistake ends it with one sentence and exit code 1, never with a traceback.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

import typer
from pydantic import ValidationError

import signal_perception
from signal_perception.pipeline import dvcfile, environment, lock, params, records, units
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.scratch import Scratch
from signal_perception.pipeline.text import on_one_line

Settings = TypeVar("Settings", bound=params.Section)
# Stages that begin a study: before them all of it is checked, so that no hour of decoding comes
# before the news that a file of weights is missing. The variable says that it has been done.
_FIRST = ("synthesise", "decode")
CHECKED = "SIGNAL_PERCEPTION_CHECKED"
# Of a path that is too long.
_LETTERS = 100
# What this process has begun.
_begun: list["Run"] = []


class Run:
    """One stage at work, in the project's root.

    Making one checks all parameters of the study, so that a mistake in any section is found by the
    first stage and not by the last.
    """

    def __init__(self, name: str):
        _refuse_a_foreign_package()
        params.load()
        environment.refuse_malformed()
        self.stage = dvcfile.stage(name)
        _refuse_links_out(self.stage.outs)

    def settings(self, schema: type[Settings]) -> Settings:
        """The declared parameters as an object; its fields are those that dvc.yaml declares."""
        try:
            return schema.model_validate(dvcfile.declared(self.stage))
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(map(str, fault["loc"]))
            agree = f"make {schema.__module__} and {dvcfile.DVCFILE} agree"
            problem = {
                "missing": f"the stage reads it and dvc.yaml does not declare it; {agree}",
                "extra_forbidden": f"dvc.yaml declares it and the stage does not read it; {agree}",
            }.get(fault["type"], f"it is {fault['input']!r}, and {fault['msg']}; change it")
            raise UserError(f"Parameter {key} of stage {self.stage.name}: {problem}.") from None

    def dep(self, beginning: str) -> Path:
        """The declared input at or below `beginning`."""
        return self.stage.dep(beginning)

    def out(self, beginning: str) -> Path:
        """The declared output at or below `beginning`."""
        return self.stage.out(beginning)

    @cached_property
    def scratch(self) -> Scratch:
        """Where unfinished work lies."""
        return Scratch(self.stage)

    def publish(self, outputs: Mapping[str, Path]) -> None:
        """Put finished work at the outputs: beginning of the declared path → file or folder."""
        self.scratch.publish({path: self.out(beginning) for beginning, path in outputs.items()})

    def end(self) -> None:
        """Forget unfinished work, of which there is none now, and keep a record of the run."""
        if "scratch" in self.__dict__:
            self.scratch.forget()
        records.write(self.stage)


def start(stage: str, *names: str | int) -> Run:
    """Begin a stage: its name in dvc.yaml and the values of its matrix, e.g. "noise", "shapes"."""
    run = Run("@".join([stage, *(["-".join(map(str, names))] if names else [])]))
    if stage in _FIRST and CHECKED not in os.environ:
        _refuse_a_study_that_would_stop()
    # of the processes that train together the first one looks
    if os.environ.get("RANK", "0") == "0":
        lock.refuse_damaged(run.stage)
    _begun.append(run)
    return run


def run(main: Callable[..., None] | typer.Typer) -> None:
    """Run a stage's `main` (its arguments become the command line) or a whole application."""
    try:
        if isinstance(main, typer.Typer):
            main()
        else:
            _take_names_from_dvc()
            typer.run(_recorded(main))
    except UserError as error:
        _end(str(error))
    except OSError as error:
        try:
            units.raise_if_full(error, Path(error.filename or "."))
        except UserError as sentence:
            _end(str(sentence))
        if isinstance(error, PermissionError) and error.filename:
            _end(f"{error.filename} may not be read or written; change its rights.")
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) and error.filename:
            name, why = str(error.filename), os.strerror(error.errno).lower()
            _end(f"The path {name[:_LETTERS]}… of {len(name)} letters is refused: {why}.")
        raise


def _take_names_from_dvc() -> None:
    """Put the values of the stage's matrix on the command line, where DVC runs it without them.

    In dvc.yaml they would be words for a shell, which runs what a parameter file has there; DVC
    tells the stage's name in the environment.
    """
    name = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    if len(sys.argv) == 1 and "@" in name:
        # names that would be options are refused here
        params.load()
        sys.argv += map(str, dvcfile.stage(name).item.values())


def _recorded(main: Callable[..., None]) -> Callable[..., None]:
    """A stage's `main`, followed by the end of what it began."""

    @wraps(main)
    def wrapped(*arguments: Any, **named: Any) -> None:
        main(*arguments, **named)
        # of the processes that train together the first speaks
        if os.environ.get("RANK", "0") == "0":
            while _begun:
                _begun.pop().end()

    return wrapped


def _end(sentence: str) -> None:
    # DVC names the stage by itself; by hand the script's name helps
    place = os.environ.get("DVC_STAGE", Path(sys.argv[0]).name)
    # names from a stranger's file are no commands for the terminal
    print(f"error in {place}: {on_one_line(sentence)}", file=sys.stderr)
    raise SystemExit(1) from None


def _refuse_a_study_that_would_stop() -> None:
    """UserError where a data set of the study cannot be read, or a model cannot run on one."""
    # in a process of its own: no stage depends on the checks, and decoding needs no PyTorch
    asked = subprocess.run(
        [sys.executable, "-m", "signal_perception.commands.checks"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if asked.returncode == 0:
        return
    problems = asked.stdout.splitlines()
    if not problems:
        raise UserError("The study could not be checked; what went wrong stands above.")
    more = f" ({len(problems) - 1} more: signal-perception doctor)" if problems[1:] else ""
    raise UserError(f"The study cannot run, so nothing was begun{more}. {problems[0]}")


def _refuse_links_out(outs: Iterable[Path]) -> None:
    """UserError where an output's folder is a link out of the Git repository.

    DVC refuses such an output after the work is done.
    """
    if not Path(".git").exists():
        return
    root = Path().resolve()
    for out in outs:
        if not out.parent.resolve().is_relative_to(root):
            link = next(folder for folder in out.parents if folder.is_symlink())
            raise UserError(
                f"{link} is a link to {link.resolve()}, and DVC takes no output there; mount that "
                f"place at {link} (mount --bind), or make {link} a folder and keep DVC's cache "
                "there (dvc cache dir)."
            )


def _refuse_a_foreign_package() -> None:
    """UserError where the package that runs is not the one of the project in this folder.

    An experiment in a folder of its own would otherwise run the code of another tree than its
    dvc.lock says.
    """
    own = Path("src/signal_perception").resolve()
    running = Path(signal_perception.__file__).resolve().parent
    if running != own:
        raise UserError(
            f"The stage runs the code of {running}, not of this project, which is {own}; run it "
            "from the project's root through DVC, or with PYTHONPATH=src."
        )
