"""What commands print."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from signal_perception.commands import output


@dataclass(frozen=True)
class _Pair:
    place: Path
    value: float


def test_a_table_in_a_pipe_is_aligned_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("two", ["name", "n"], [["a", 5], ["long name", None]], right=["n"])
    assert capsys.readouterr().out.splitlines() == [
        "two",
        "name       n",
        "a          5",
        "long name",
    ]


def test_a_cell_on_a_terminal_is_no_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.table("", ["video"], [["wave [red]1[/red].avi"]])
    assert "wave [red]1[/red].avi" in capsys.readouterr().out


def test_json_has_null_for_nan_and_text_for_paths(capsys: pytest.CaptureFixture[str]) -> None:
    output.as_json({"a": _Pair(Path("x/y"), float("nan")), "b": np.arange(2), "c": (1, 2.5)})
    assert json.loads(capsys.readouterr().out) == {
        "a": {"place": "x/y", "value": None},
        "b": [0, 1],
        "c": [1, 2.5],
    }


@pytest.mark.parametrize(
    ("share", "bar"), [(0, " " * 4), (1, "████"), (0.5, "██  "), (0.03, "▏   ")]
)
def test_a_bar_is_as_long_as_its_share(share: float, bar: str) -> None:
    assert output.bar(share, width=4) == bar
