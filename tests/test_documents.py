"""Every command that README and docs show exists, with the options that it is shown with."""

import ast
import importlib
import re
from typing import Any

import pytest
import typer
from dvc.cli.parser import get_main_parser

from signal_perception.commands.app import app
from tests.support.documents import DOCUMENTS, Shown, commands, python
from tests.support.project import ROOT

# What comes with every machine that has Python, git and a shell.
_OF_THE_MACHINE = {"ln", "cd", "git", "pip", "wget", "mkdir", ".", "mount", "ssh", "sbatch", "qsub"}

SHOWN = [shown for path in DOCUMENTS for shown in commands(path)]


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_commands_exist_with_their_options(shown: Shown) -> None:
    program, *rest = shown.words
    program = program.removeprefix(".venv/bin/")
    if program == "signal-perception":
        _parsed_by_the_command_line(rest)
    elif program == "dvc":
        _parsed_by_dvc(rest)
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert {word for word in rest if "=" not in word} <= set(targets)
    elif program in ("python", "torchrun"):
        _a_script_or_a_module(rest)
    else:
        assert program in _OF_THE_MACHINE | {"pytest", "pre-commit"}


@pytest.mark.parametrize(
    "source", [body for path in DOCUMENTS for body in python(path)], ids=lambda body: body[:40]
)
def test_python_imports_what_exists(source: str) -> None:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            for name in node.names:
                importlib.import_module(name.name)


def test_the_documents_show_commands() -> None:
    programs = {shown.words[0] for shown in SHOWN}
    assert {"make", "dvc", "signal-perception"} <= programs


def _parsed_by_the_command_line(words: list[str]) -> None:
    """As the command line reads them, in any case of placeholders; nothing is run."""
    group: Any = typer.main.get_command(app)
    context = group.context_class(group, info_name="signal-perception")
    _, command, rest = group.resolve_command(context, words)
    if rest:
        command.make_context(words[0], rest, parent=context)


def _parsed_by_dvc(words: list[str]) -> None:
    try:
        get_main_parser().parse_args(words)
    except SystemExit as exit:
        # --help ends so, too
        assert exit.code == 0, words


def _a_script_or_a_module(words: list[str]) -> None:
    if "-m" in words:
        module = words[words.index("-m") + 1]
        path = ROOT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file()
        return
    assert any((ROOT / word).is_file() for word in words if word.endswith(".py"))
