"""Tables of text as Markdown, readable in a terminal, and as LaTeX, which needs no package."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

# How characters are written that LaTeX takes for commands, or that old ones do not know.
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"$<$",
        ">": r"$>$",
        "−": r"$-$",
        "–": "--",
        "×": r"$\times$",
        "†": r"\dag{}",
        "χ": r"$\chi$",
        "²": r"$^2$",
    }
)


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    notes: sentences below it. names: how many columns, the first ones, are of names; all others are
    of numbers and stand to the right.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    names: int = 1


def markdown(sheets: Sequence[Sheet]) -> str:
    """The tables one below the other, columns aligned."""
    return "\n".join(_markdown(sheet) for sheet in sheets)


def latex(sheets: Sequence[Sheet]) -> str:
    """The tables one below the other, a floating `table` each."""
    return "\n".join(_latex(sheet) for sheet in sheets)


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return text.translate(_LATEX)


def _markdown(sheet: Sheet) -> str:
    # a | would end the cell
    rows = [[cell.replace("|", r"\|") for cell in row] for row in (sheet.head, *sheet.rows)]
    table = _drawn(sheet, rows, "pipe")
    return "\n".join([f"## {sheet.title}", "", table, "", *sheet.notes]).rstrip() + "\n"


def _latex(sheet: Sheet) -> str:
    caption = escaped(" ".join([f"{sheet.title}.", *sheet.notes]))
    rows = [list(map(escaped, row)) for row in (sheet.head, *sheet.rows)]
    above = [r"\begin{table}", r"\centering", rf"\caption{{{caption}}}"]
    return "\n".join([*above, _drawn(sheet, rows, "latex_raw"), r"\end{table}", ""])


def _drawn(sheet: Sheet, rows: Sequence[Sequence[str]], form: str) -> str:
    """The table in a format of tabulate. rows: the head first."""
    columns = len(sheet.head)
    sides = ["left"] * sheet.names + ["right"] * (columns - sheet.names)
    return tabulate(
        rows[1:],
        rows[0],
        tablefmt=form,
        colalign=sides if rows[1:] else None,
        disable_numparse=True,
    )
