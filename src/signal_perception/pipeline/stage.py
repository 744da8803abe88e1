"""How a stage script or command runs.

A stage is told what dvc.yaml declares for it, and nothing else: parameters, inputs and outputs. A
user's mistake ends it with one sentence and exit code 1, never with a traceback.
"""

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
from signal_perception.pipeline import (
    dvcfile,
    environment,
    failures,
    lock,
    params,
    records,
    signals,
)
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.scratch import SCRATCH, Scratch
from signal_perception.pipeline.text import on_one_line

Settings = TypeVar("Settings", bound=params.Section)
# Stages that begin a study: before them all of it is checked, so that no hour of decoding comes
# before the news that a file of weights is missing. The variable says that it has been done.
_FIRST = ("synthesise", "decode")
CHECKED = "SIGNAL_PERCEPTION_CHECKED"
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
    if _speaks():
        lock.refuse_damaged(run.stage)
    _begun.append(run)
    return run


def run(main: Callable[..., None] | typer.Typer) -> None:
    """Run a stage's `main` (its arguments become the command line) or a whole application.

    A user's mistake, a full disk, a machine that cannot, and a signal that asks for the end are
    one sentence each.
    """
    try:
        with signals.heard():
            if isinstance(main, typer.Typer):
                main()
            else:
                _take_names_from_dvc()
                typer.run(_recorded(main))
    except UserError as error:
        _end(str(error))
    except signals.Stopped as stopped:
        _end(_said_of_a_stop(stopped), stopped.code)
    except Exception as error:
        sentence = failures.sentence(error)
        if sentence is None:
            raise
        _end(sentence)


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
        try:
            main(*arguments, **named)
        except EOFError as error:
            # of which Typer would say "Aborted." and no more
            raise RuntimeError("A file ended before its time.") from error
        # of the processes that train together the first speaks
        if _speaks():
            while _begun:
                _begun.pop().end()

    return wrapped


def _speaks() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _said_of_a_stop(stopped: signals.Stopped) -> str:
    if not _speaks():
        return ""
    if not _begun:
        return f"Stopped by {stopped.name}; what was finished is kept, so run it again to go on."
    return (
        f"Stage {_begun[-1].stage.name} was stopped by {stopped.name}; finished work is kept in "
        f"{SCRATCH}, and the next run goes on from there."
    )


def _end(sentence: str, code: int = 1) -> None:
    # DVC names the stage by itself; by hand the script's name helps
    place = os.environ.get("DVC_STAGE", Path(sys.argv[0]).name)
    if sentence:
        # names from a stranger's file are no commands for the terminal
        print(f"error in {place}: {on_one_line(sentence)}", file=sys.stderr)
    raise SystemExit(code) from None


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
