"""What lanes show: lines as they are in a log, a bar for each stage on a terminal."""

import sys

import pytest

from signal_perception.pipeline import lane, screen

_PROGRESS = "noise shapes swin 0: 92 of 432 units, 9.13/s, 37 s left loss [0.2]"


def test_lines_stay_lines_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.Screen() as shown:
        shown.line("a", _PROGRESS)
        shown.line("a", "something [else]")
        shown.end("a")
    assert capsys.readouterr().out == f"{_PROGRESS}\nsomething [else]\n"


def test_a_terminal_gets_a_bar_and_what_else_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with screen.Screen() as shown:
        shown.line("a", _PROGRESS)
        shown.line("b", "extract: 1 of 4 blocks, 2.00/s, 1 s left")
        shown.line("a", "said [by] a stage")
        shown._progress.refresh()
        shown.end("a")
    said = capsys.readouterr().out
    assert "92/432" in said and "9.13/s, 37 s left loss [0.2]" in said and "1/4" in said
    assert "said [by] a stage" in said


def test_the_advice_of_dvc_is_left_out() -> None:
    said = [
        "Running stage 'a':\n", "> python a.py\n", "a: 3 of 3 units, 1.0 s\n",
        "Updating lock file 'dvc.lock'\n", "\n", "To track the changes with git, run:\n", "\n",
        "\tgit add dvc.lock\n", "\n", "To enable auto staging, run:\n", "\n",
        "\tdvc config core.autostage true\n",
        "Use `dvc push` to send your updates to remote storage.\n",
    ]  # fmt: skip
    assert list(lane.without_hints(said)) == said[:3]
