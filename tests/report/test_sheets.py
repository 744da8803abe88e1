"""Tables of text as Markdown and as LaTeX."""

import re

from signal_perception.report.page.sheets import Sheet, escaped, latex, markdown

SHEET = Sheet(
    "A title",
    ["name", "of", "top-1, %"],
    [["my_model & co", "a|b", "−1.0 (−2.5 to +0.5) †"], ["x", "", "7"]],
    ["First note.", "100 % of χ²."],
    names=2,
)


def test_markdown_is_aligned_and_its_cells_end_where_they_do() -> None:
    lines = markdown([SHEET]).splitlines()
    assert lines[0] == "## A title"
    table = lines[2:6]
    assert len({len(line) for line in table}) == 1
    assert table[1] == "|:--------------|:-----|----------------------:|"
    assert table[2] == r"| my_model & co | a\|b | −1.0 (−2.5 to +0.5) † |"
    assert table[3] == r"| x             |      |                     7 |"
    assert lines[-2:] == ["First note.", "100 % of χ²."]
    assert markdown([SHEET, SHEET]).count("## A title") == 2


def test_latex_escapes_what_it_takes_for_commands() -> None:
    special = "\\&%$#_{}~^<>"
    shown = escaped(special)
    # each is a command of its own, or mathematics
    left = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|\$[<>]\$", "", shown)
    assert left == ""
    assert escaped("−1.0 (2–3) † × χ²") == r"$-$1.0 (2--3) \dag{} $\times$ $\chi$$^2$"


def test_latex_has_as_many_cells_in_every_row_as_columns() -> None:
    text = latex([SHEET])
    assert r"\begin{tabular}{llr}" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 3
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 2
    assert re.search(r"my\\_model \\& co +& a\|b +& ", text)
    assert r"\caption{A title. First note. 100 \% of $\chi$$^2$.}" in text
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    assert text.isascii()
